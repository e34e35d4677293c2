"""The cases of a DICOM folder: CT series at any depth, and the masks that belong to each."""

import dataclasses
import os
import re
from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmread

from pipelines.files.kinds import DICOM_SUFFIXES, nifti_stem
from pipelines.findings import Findings
from pipelines.layouts.dicom.contents import Contents, shows_masks, sort_files
from pipelines.layouts.dicom.listing import dicom_among
from pipelines.layouts.dicom.mask_files import MaskFile, mask_slices, stem_of
from pipelines.layouts.dicom.slices import Slice, parse_slice, read_header
from pipelines.names import distinct
from pipelines.targets import Naming
from pipelines.walk import report_rest, walk

# Behind the name of a case in that of its mask.
_ENDING = re.compile(r"[-_. ](seg(mentation)?|masks?|labels?|gt|liver([-_ ](tumou?r|lesion)s?)?)$", re.IGNORECASE)


@dataclasses.dataclass(kw_only=True)
class CaseFiles:
    """The files of one case.

    Attributes:
        name: of its folder, unique; see `pipelines.names.distinct`.
        folder: where its slices lie.
        slices: all that could be read.
        segs: DICOM segmentations of it, wherever they lie.
        volumes: NRRD and NIfTI files of its masks, likewise.
        mask_slices: its masks in DICOM slices, as 3D-IRCADb stores them.
    """

    name: str
    folder: Path
    slices: list[Slice]
    segs: list[Path]
    volumes: list[Path]
    mask_slices: list[MaskFile]

    @property
    def has_masks(self) -> bool:
        """Whether there is any file of masks."""
        return bool(self.segs or self.volumes or self.mask_slices)


def list_cases(directory: Path, findings: Findings, *, naming: Naming, labelled: bool = True) -> list[CaseFiles]:
    """Finds the cases of a folder by the headers of its DICOM files.

    Each folder with CT slices is a case. Its masks lie beside the slices, or elsewhere: segmentations refer to their
    series, and other files belong to the one case that is nearest in the tree, or that they are called after, if it has
    no masks of its own.

    Args:
        directory: the folder, itself a case or with cases at any depth.
        findings: takes broken files and what is skipped.
        naming: which names are those of masks.
        labelled: whether masks are looked for.
    """
    cases: dict[Path, CaseFiles] = {}
    loose: dict[Path, tuple[Contents | None, list[Path]]] = {}
    for folder, files in walk(directory, findings):
        dicom = dicom_among(files, findings)
        volumes = [path for path in files if nifti_stem(path) is not None or path.suffix.lower() == ".nrrd"]
        called = [path for path in files if path.suffix.lower() in DICOM_SUFFIXES]
        known = {*dicom, *volumes, *called}
        report_rest((path for path in files if path not in known), findings)
        contents = sort_files(folder, dicom, findings) if dicom else None
        stack = bool(contents and (contents.slices or contents.off_axial))
        broken = bool(called and not dicom)  # by suffix too, so that a folder of broken files is named
        if contents and contents.multiframe and not stack and (volumes or contents.segs):
            for path in contents.multiframe:
                _say_what_is_wrong(path, findings)
            broken = True
        elif contents:
            contents.leave_multiframe(findings)
        if broken or (contents and stack and not _is_of_masks(contents, directory)):
            cases[folder] = CaseFiles(
                name="",
                folder=folder,
                slices=_taken(contents, findings) if contents else [],
                segs=contents.segs if contents else [],
                volumes=volumes,
                mask_slices=[],
            )
        elif contents or volumes:
            loose[folder] = contents, volumes
    _name(list(cases.values()), directory)
    _check_folders(directory, list(cases.values()), loose, findings)
    if labelled:
        _attach(directory, list(cases.values()), loose, naming, findings)
    return _without_other_phases(list(cases.values()), directory, findings) if labelled else list(cases.values())


def _say_what_is_wrong(path: Path, findings: Findings) -> None:
    header = read_header(path, findings)
    if header is not None:
        parse_slice(path, header, findings)


def _taken(contents: Contents, findings: Findings) -> list[Slice]:
    if contents.slices:
        findings.skip("slices that are not axial", [one.path for one in contents.off_axial])
    return contents.slices or contents.off_axial


def _is_of_masks(contents: Contents, directory: Path) -> bool:
    return shows_masks(contents.slices, contents.folder.relative_to(directory).parts[-2:])


def _name(cases: Sequence[CaseFiles], directory: Path) -> None:
    root = Path(os.path.abspath(directory))
    paths = [Path(os.path.abspath(case.folder)) for case in cases]
    above = [path.parent.relative_to(root).parts[::-1] if path != root else () for path in paths]
    for case, name in zip(cases, distinct([path.name for path in paths], above), strict=True):
        case.name = name


def _check_folders(
    directory: Path,
    cases: Sequence[CaseFiles],
    loose: dict[Path, tuple[Contents | None, list[Path]]],
    findings: Findings,
) -> None:
    if not cases:
        for folder, (contents, _) in loose.items():
            if contents and contents.segs:
                beside = contents.segs[0].name
                findings.error("image-missing", folder, f"has no CT slices; put them beside {beside}")
                return
        findings.error("image-missing", directory, "no DICOM files of CT slices in it; give a folder that has some")
    below = [case for case in cases if case.folder != directory]
    if below and len(below) < len(cases):
        first = below[0].folder.relative_to(directory).as_posix()
        findings.error("folders-mixed", directory, f"has slices of its own and in {first}/; move its own into a folder")
    places: dict[str, CaseFiles] = {}
    for case in cases:
        for uid in {one.series for one in case.slices}:
            other = places.setdefault(uid, case)
            here, there = ({tuple(one.position) for one in each.slices} for each in (case, other))
            if other is not case and not here & there:
                findings.error(
                    "series-split",
                    case.folder,
                    f"has slices of the series in {findings.name(other.folder)}; put them into one folder",
                )


def _attach(
    directory: Path,
    cases: Sequence[CaseFiles],
    loose: dict[Path, tuple[Contents | None, list[Path]]],
    naming: Naming,
    findings: Findings,
) -> None:
    """Gives masks that lie in other folders to their cases."""
    by_series = {one.series: case for case in cases for one in case.slices[:1]}
    own = {case.name for case in cases if case.has_masks}
    named = {case.name.casefold(): case for case in cases if case.name not in own}
    for folder, (contents, volumes) in loose.items():
        near = _nearest(folder, directory, cases)
        near = near if near and near.name not in own else None
        for seg in contents.segs if contents else ():
            if case := by_series.get(_referenced(seg) or "", near):
                case.segs.append(seg)
            else:
                findings.error("mask-orphan", seg, "no CT series of this segmentation; add it or delete the file")
        if contents and (slices := contents.slices or contents.off_axial):
            found = mask_slices(folder, [one.path for one in slices], naming)
            if near and found:
                near.mask_slices.append(found)
            else:
                what = "masks of no single case" if found else "masks of other structures"
                findings.skip(what, [folder], doubtful=bool(found))
        left = []
        for path in volumes:
            if near and naming.role(stem_of(path)):
                near.volumes.append(path)
            elif case := named.get(_ENDING.sub("", stem_of(path)).casefold()):
                case.volumes.append(path)
            else:
                left.append(path)
        report_rest(left, findings)


def _nearest(folder: Path, directory: Path, cases: Sequence[CaseFiles]) -> CaseFiles | None:
    """The one case below the folder, or below the nearest folder above that has any; None if that has several."""
    while True:
        below = [case for case in cases if case.folder.is_relative_to(folder)]
        # A case above is the nearest too.
        below += [case for case in cases if case.folder in folder.parents]
        if below:
            return below[0] if len(below) == 1 else None
        if folder == directory:
            return None
        folder = folder.parent


def _referenced(seg: Path) -> str | None:
    """SeriesInstanceUID of the series that a segmentation refers to."""
    try:
        header = dcmread(seg, stop_before_pixels=True, specific_tags=["ReferencedSeriesSequence"])
        return str(header.ReferencedSeriesSequence[0].SeriesInstanceUID)
    except Exception:  # pydicom lets any error through; the file is read, and refused, later
        return None


def _without_other_phases(cases: list[CaseFiles], directory: Path, findings: Findings) -> list[CaseFiles]:
    """The cases without series that nobody segmented, of which another one in the same study was."""

    def study(case: CaseFiles) -> tuple[Path, str]:
        return case.folder.parent, case.slices[0].patient if case.slices else ""

    segmented = {study(case) for case in cases if case.has_masks and case.folder.parent != directory}
    others = [case for case in cases if case.slices and not case.has_masks and study(case) in segmented]
    findings.skip("series without masks, beside one with masks", [case.folder for case in others], doubtful=True)
    return [case for case in cases if case not in others]
