"""Files of a paired folder."""

from pathlib import Path

from pipelines.files.png import JPEG_SUFFIXES
from pipelines.findings import Findings, Report
from pipelines.natural import natural_sort_key
from pipelines.walk import list_folder, report_rest, walk

KINDS = {"images": "image", "masks": "mask"}


def detect(directory: Path) -> bool:
    """Whether a folder, or just one below it, has `images/` or `masks/`."""
    return len(find_roots(Path(directory))) == 1


def find_roots(directory: Path) -> list[Path]:
    """The folders with `images/` and `masks/`: the folder itself if it has one of them, or else those below it."""
    if not directory.is_dir():
        return []
    quiet = Report(directory)
    if KINDS.keys() & _folders(directory).keys():
        return [directory]
    return [folder for folder, _ in walk(directory, quiet) if KINDS.keys() <= _folders(folder).keys()]


def list_pairs(root: Path, findings: Findings) -> dict[str, dict[str, Path]]:
    """Lists the slices of a folder.

    Args:
        root: the folder with `images/` and `masks/`, in any case, and the slices in them or in folders there.
        findings: takes missing folders and files, JPEG files, names that differ only in the case of their suffix, and
            what is skipped.

    Returns:
        ID of each slice, which begins with the folders that it is in, to its `"image"` and `"mask"`, in natural order;
        without errors, every slice has both.
    """
    pairs: dict[str, dict[str, Path]] = {}
    places = _folders(root)
    for name, kind in KINDS.items():
        for key, path in _list(places.get(name, root / name), kind, findings).items():
            pairs.setdefault(key, {})[kind] = path
    for name, files in pairs.items():
        if "mask" not in files:
            message = f"no masks/{name}.png; add the mask (all 0 if nothing is there) or delete the image"
            findings.error("mask-missing", files["image"], message)
        if "image" not in files:
            findings.error("mask-orphan", files["mask"], f"no images/{name}.png; add the image or delete the mask")
    for _, files_here in walk(root, findings, without=[places[name] for name in KINDS if name in places]):
        report_rest(files_here, findings, pictures=True)
    return {name: pairs[name] for name in sorted(pairs, key=natural_sort_key)}


def _folders(directory: Path) -> dict[str, Path]:
    """Name, in small letters, of each folder in a folder."""
    try:
        folders, _ = list_folder(directory, Report(directory))
    except OSError:
        return {}
    return {path.name.lower(): path for path in reversed(folders)}


def _list(folder: Path, kind: str, findings: Findings) -> dict[str, Path]:
    """ID to file; JPEG files too, which are errors, but not missing."""
    if not folder.is_dir():
        findings.error("folder-missing", folder, "no such folder; put images/ID.png and masks/ID.png side by side")
        return {}
    files: dict[str, Path] = {}
    others: list[Path] = []
    for place, paths in walk(folder, findings):
        above = place.relative_to(folder).parts
        if above and is_png(place):
            findings.error("unreadable", place, "cannot be read as a PNG, it is a folder; copy the slice again")
        for path in sorted(paths, key=lambda path: (not is_png(path), path.name)):
            if path.suffix.lower() not in (".png", *JPEG_SUFFIXES):
                others.append(path)
                continue
            name = "_".join((*above, path.stem))
            if name in files:
                if is_png(path):
                    other = findings.name(files[name]) if above else files[name].name
                    findings.error(
                        "name-twice", path, f"the same name as {other} but for its suffix; delete one of them"
                    )
                continue
            files[name] = path
            if not is_png(path):
                findings.error(
                    f"{kind}-jpeg", path, "a JPEG file, which is lossy; export it again as PNG from the original"
                )
    report_rest(others, findings, pictures=True)
    if not files:
        findings.error("folder-empty", folder, "no PNG in it; save the slices as 8-bit grey PNG")
    return files


def is_png(path: Path | None) -> bool:
    """Whether there is a file and it is called PNG."""
    return path is not None and path.suffix.lower() == ".png"
