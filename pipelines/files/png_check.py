"""One PNG of a folder, with its faults told apart."""

import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.errors import DataError
from pipelines.files.png import decode_image, decode_mask
from pipelines.findings import Findings

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
JPEG_SUFFIXES = (".jpg", ".jpeg")


def read_image(report: Findings, path: Path) -> np.ndarray | None:
    """Reads a slice: `(H, W)` uint8, or None where its fault has been reported."""
    image = _read(report, path, decode_image, "image")
    if image is not None and (image == image.flat[0]).all():
        report.note("image-blank", path, f"every pixel is {image.flat[0]}; copy the slice again if it should show more")
    return image


def read_mask(report: Findings, path: Path) -> np.ndarray | None:
    """Reads a mask: `(H, W)` bool, or None where its fault has been reported."""
    mask = _read(report, path, decode_mask, "mask")
    return None if mask is None else mask != 0


def check_sizes(report: Findings, path: Path, mask: np.ndarray | None, image: np.ndarray | None) -> bool:
    """Whether a mask and its image have one size; reports if not. What could not be read is not judged."""
    if mask is None or image is None or mask.shape == image.shape:
        return mask is not None
    sizes = "{1}x{0} against {3}x{2}".format(*mask.shape, *image.shape)
    report.error("size-mismatch", path, f"width and height differ from its image's, {sizes}; export the pair again")
    return False


def check_gaps(report: Findings, case: str, numbers: Sequence[int]) -> None:
    """Warns of slice numbers missing between the first and the last."""
    there = set(numbers)
    missing = [number for number in range(min(there), max(there)) if number not in there] if there else []
    if missing:
        shown = ", ".join(map(str, missing[:6])) + (", ..." if len(missing) > 6 else "")
        report.warning("slice-gap", case, f"slices {shown} are missing in the middle; copy them too, if they exist")


def _read(report: Findings, path: Path, decode, kind: str) -> np.ndarray | None:
    report.count("files")
    try:
        data = path.read_bytes()
    except OSError as error:
        report.error("unreadable", path, f"cannot be read ({error.strerror}); mend its permissions")
        return None
    if data.startswith(_JPEG):
        report.error(f"{kind}-jpeg", path, f"JPEG {_why_not(kind)}; export it again as PNG from the original")
        return None
    if not data.startswith(_PNG):
        report.error("unreadable", path, f"not a PNG but {_start(data)}; export it again as PNG")
        return None
    if not _complete(data):
        report.error("truncated", path, "ends early, or bytes in it have changed; copy it again")
        return None
    try:
        return np.asarray(decode(data, path))
    except DataError as error:
        whole = _opens(data)
        report.refused({"image": "image-mode", "mask": "mask-values"}[kind] if whole else "truncated", path, error)
        return None


def _why_not(kind: str) -> str:
    return "data, whose blurred edges are no mask" if kind == "mask" else "data, which is lossy and which nobody reads"


def _start(data: bytes) -> str:
    return f"something that starts with {data[:4].hex(' ')}" if data else "an empty file"


def _complete(data: bytes) -> bool:
    """Whether all chunks of a PNG are there with their checksums; decoders stop before the end and miss much of it."""
    at = len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return False
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at = end
    return False


def _opens(data: bytes) -> bool:
    try:
        Image.open(io.BytesIO(data)).load()
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        return False
    return True
