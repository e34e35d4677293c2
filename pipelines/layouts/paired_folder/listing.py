"""Files of a paired folder."""

from pathlib import Path

from pipelines.files.png import JPEG_SUFFIXES
from pipelines.findings import Findings
from pipelines.natural import natural_sort_key

KINDS = {"images": "image", "masks": "mask"}


def detect(directory: Path) -> bool:
    """Whether a folder has `images/` or `masks/`."""
    return any((Path(directory) / folder).is_dir() for folder in KINDS)


def list_pairs(directory: Path, findings: Findings) -> dict[str, dict[str, Path]]:
    """Lists the slices of a folder.

    Args:
        directory: the folder with `images/` and `masks/`.
        findings: takes missing folders and files, JPEG files, and names that differ only in the case of their suffix.

    Returns:
        ID of each slice to its `"image"` and `"mask"`, in natural order; without errors, every slice has both.
    """
    pairs: dict[str, dict[str, Path]] = {}
    for folder, kind in KINDS.items():
        for name, path in _list(directory / folder, kind, findings).items():
            pairs.setdefault(name, {})[kind] = path
    for name, files in pairs.items():
        if "mask" not in files:
            message = f"no masks/{name}.png; add the mask (all 0 if nothing is there) or delete the image"
            findings.error("mask-missing", files["image"], message)
        if "image" not in files:
            findings.error("mask-orphan", files["mask"], f"no images/{name}.png; add the image or delete the mask")
    return {name: pairs[name] for name in sorted(pairs, key=natural_sort_key)}


def _list(folder: Path, kind: str, findings: Findings) -> dict[str, Path]:
    """ID to file; JPEG files too, which are errors, but not missing."""
    if not folder.is_dir():
        findings.error("folder-missing", folder, "no such folder; put images/ID.png and masks/ID.png side by side")
        return {}
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (not is_png(path), path.name)):
        suffix = path.suffix.lower()
        # Hidden files are what macOS leaves on other systems' disks.
        if path.name.startswith(".") or suffix not in (".png", *JPEG_SUFFIXES):
            continue
        if path.stem in files:
            if is_png(path):
                other = files[path.stem].name
                findings.error("name-twice", path, f"the same name as {other} but for its suffix; delete one of them")
            continue
        files[path.stem] = path
        if not is_png(path):
            findings.error(
                f"{kind}-jpeg", path, "a JPEG file, which is lossy; export it again as PNG from the original"
            )
    if not files:
        findings.error("folder-empty", folder, "no PNG in it; save the slices as 8-bit grey PNG")
    return files


def is_png(path: Path | None) -> bool:
    """Whether there is a file and it is called PNG."""
    return path is not None and path.suffix.lower() == ".png"
