"""Layouts of data folders: how to detect, open and verify them.

A layout is a package in this folder with the functions of `Layout`; its name in `LAYOUTS` registers it.
"""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

from pipelines.case import Source
from pipelines.checks.overlap import check_overlap
from pipelines.errors import DataError
from pipelines.findings import Finding, Findings, Report, Strict, listed
from pipelines.folds import with_fold
from pipelines.layouts.paired_folder.listing import find_roots
from pipelines.walk import listing_once, report_rest, walk

LAYOUTS = ("prepared", "lits_png", "nifti", "dicom", "paired_folder")
"""Layouts in the order of detection: those with the most distinctive files first."""


class Layout(Protocol):
    """Functions of a layout's package.

    The package itself imports only what detection needs; the functions import the reader and its libraries when they
    are called, so that nobody waits for, or has to install, the libraries of another layout. A layout that can be
    written also has `write(source, directory, **options)`.
    """

    def detect(self, directory: Path) -> bool:
        """Whether a folder looks like this layout. Looks at names, and at no more than a few bytes of a file."""

    def open_source(self, directory: Path, **options: object) -> Source:
        """Lists a folder and returns its reader.

        Takes the folder and, as keyword arguments, `target` and `size` if the layout needs them, and `**reading` if
        its folders are read in several ways.

        Raises:
            DataError: the first error of the listing.
        """

    def check(self, directory: Path, findings: Findings, **options: object) -> None:
        """Reads everything by way of the same reader, one case in memory at a time, and adds what should be known.

        Takes `**reading` as `open_source` does.
        """


def load_layout(name: str) -> Layout:
    """Imports the package of a layout.

    Args:
        name: one of `LAYOUTS`.

    Raises:
        DataError: unknown layout.
    """
    if name not in LAYOUTS:
        raise DataError(f"`layout` {name}: unknown; choose {', '.join(LAYOUTS)}")
    return cast(Layout, importlib.import_module(f"{__name__}.{name}"))


def detect_layout(data: str | Path) -> str:
    """Detects the layout of a folder.

    Returns:
        One of `LAYOUTS`.

    Raises:
        DataError: no layout fits.
    """
    with listing_once():  # a tree of slices takes its time, and each layout looks for its own
        for name in LAYOUTS:
            if load_layout(name).detect(Path(data)):
                return name
    if several := [folder.relative_to(data).as_posix() for folder in find_roots(Path(data))]:
        raise DataError(f"{data}: images/ and masks/ lie in {listed(several)}; give one of these folders")
    rest = Strict(data)
    _report_all(Path(data), rest)
    raise DataError(
        f"{data}: no known layout; it needs volume-N_K.png with segmentation-N_..., volume-N.nii with "
        "segmentation-N.nii, dataset.json with imagesTr/, DICOM slices, or images/ and masks/"
        + "".join(f", and this is {line}" for line in rest.skipped_lines())
    )


def open_source(
    data: str | Path,
    *,
    target: str = "lesion",
    size: int = 256,
    layout: str | None = None,
    fold: str | None = None,
    **reading: Any,
) -> Source:
    """Opens the phantom or a data folder.

    Args:
        data: `"phantom"` for the synthetic phantom, otherwise a folder; one of that name is `"./phantom"`, or a `Path`.
        target: `"liver"`, `"lesion"` or `"both"`; only a paired folder needs to know.
        size: height and width in pixels of the slices of the phantom and of a paired folder; other layouts are read at
            the size they have.
        layout: one of `LAYOUTS`; None to detect it.
        fold: validate on this fold of the training and validation patients, such as `"0/5"`, see `FoldSource`; None for
            the split of the data.
        **reading: how a paired folder is read, see `pipelines.layouts.paired_folder.settings.Settings`; other layouts
            say it themselves.

    Returns:
        The reader. The folder has been listed; its slices are read, and checked, case by case.

    Raises:
        DataError: no such folder, something in it is wrong, or an argument does not apply to it.
    """
    return with_fold(_open(data, target=target, size=size, layout=layout, reading=reading), fold)


def _open(data: str | Path, *, target: str, size: int, layout: str | None, reading: dict[str, Any]) -> Source:
    if data == "phantom":
        for name, value in _given({"layout": layout, **reading}).items():
            raise DataError(f"`{name}` {_shown(value)}: does not apply to the phantom; leave it out")
        from pipelines.layouts.phantom import Phantom

        return Phantom(size=size)
    if not Path(data).is_dir():
        raise DataError(f"no such data folder: {data}; give a folder with images/ and masks/, or phantom")
    layout = layout or detect_layout(data)
    opener = load_layout(layout).open_source
    names = inspect.signature(opener).parameters
    accepted = {name: value for name, value in (("target", target), ("size", size)) if name in names}
    return opener(Path(data), **accepted, **_accepted(opener, reading, layout))


def _report_all(directory: Path, findings: Findings) -> None:
    for _, files in walk(directory, findings):
        report_rest(files, findings, pictures=True)


def _given(reading: dict[str, Any]) -> dict[str, Any]:
    """Those that are not left out."""
    return {name: value for name, value in reading.items() if value not in (None, (), [])}


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _accepted(function: Callable[..., object], reading: dict[str, Any], layout: str) -> dict[str, Any]:
    """What has been given of `reading`.

    Raises:
        DataError: something has, and the layout does not take it.
    """
    given = _given(reading)
    names = inspect.signature(function).parameters
    for name, value in given.items():
        if name not in names and "reading" not in names:
            raise DataError(f"`{name}` {_shown(value)}: a {layout} folder says so itself; leave it out")
    return given


def verify(directory: str | Path, *, layout: str | None = None, **reading: Any) -> list[Finding]:
    """Reads every file of a data folder and collects all findings. No more than one case is held in memory.

    What makes a file or case unusable is an error, what can be read but is probably wrong a warning, what is good to
    know a note. A folder without errors can be opened by `open_source`, and all its cases can be read.

    Example:
        >>> findings = verify("lits-png")
        >>> print(table(findings, "lits-png"))

    Args:
        directory: the folder.
        layout: one of `LAYOUTS`; None to detect it.
        **reading: see `open_source`.

    Returns:
        The findings, errors first, then by code and file. A note with the code `read` says what was read.

    Raises:
        DataError: there is no such folder, the layout is unknown, or an argument does not apply to it.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise DataError(f"no such data folder: {directory}; give the folder to check")
    if layout is not None:
        load_layout(layout)
    report = Report(directory)
    try:
        layout = layout or detect_layout(directory)
    except DataError as error:
        report.refused("layout-unknown", directory, error)
        if not find_roots(directory):
            _report_all(directory, report)
        return report.sorted()
    check = load_layout(layout).check
    check(directory, report, **_accepted(check, reading, layout))
    check_overlap(directory, report)
    counts = report.counts
    report.note(
        "read", directory, f"{layout}: {counts['cases']} cases, {counts['slices']} slices, {counts['files']} files"
    )
    return report.sorted()
