"""PNG slices and masks."""

import functools
import io
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from kornia_rs import io as kornia
from PIL import Image

from pipelines.files.labels import MaskError, as_finding
from pipelines.files.sizes import MOST_PIXELS, held_by
from pipelines.findings import Findings, listed

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_HEADER = struct.Struct(">16x2I2B2xB")  # of a PNG: width, height, bits, color type, whether interlaced
_MODES = {(8, 0, 0): "mono", (8, 2, 0): "rgb"}  # of the last three: what Kornia decodes as it is
_HIGHEST = (0, 1, 255)  # level of a mask, all others being 0
NAME_COLORS = "name the colors by `labels`, such as lesion=#ff0000"
JPEG_SUFFIXES = (".jpg", ".jpeg")
_MOST_BYTES = 8 * MOST_PIXELS  # of a file; a pixel has 8 bytes at most


def read_image(path: Path, findings: Findings) -> np.ndarray | None:
    """Reads a slice.

    Args:
        path: the file.
        findings: takes the error of a file that is not a PNG, damaged, of more than 8 bits, or colored.

    Returns:
        `(H, W)` uint8, or None after an error.
    """
    return _read(path, findings, "image")


def read_mask(
    path: Path,
    findings: Findings,
    *,
    fix: str = "save it with 0 and 255 only, one target in one folder",
    colored: str = "save it as 8-bit grey PNG",
) -> np.ndarray | None:
    """Reads a mask of two levels: 0 and 1, or 0 and 255.

    Args:
        path: the file.
        findings: takes the error of a file that is not a PNG, damaged, colored, or has other levels.
        fix: what to do about other levels.
        colored: what to do about colors.

    Returns:
        `(H, W)` bool, or None after an error.
    """
    levels = _read(path, findings, "mask", functools.partial(_to_grey, colored=colored))
    if levels is None:
        return None
    mask, highest = levels != 0, levels.max()
    if highest not in _HIGHEST or (mask & (levels != highest)).any():
        shown = listed(np.unique(levels).tolist())
        findings.error("mask-values", path, f"a mask with levels {shown}; {fix}")
        return None
    return mask


def read_labels(path: Path, findings: Findings, colors: Mapping[int, int] | None = None) -> np.ndarray | None:
    """Reads a mask of labels: grey values of 8 or 16 bits, the indices of a coloured palette, or colors.

    Args:
        path: the file.
        findings: takes the error of a file that is not a PNG, damaged, or has colors that are not known.
        colors: color, `0xrrggbb`, to its label; black is 0. Empty or None to read grey values and indices.

    Returns:
        `(H, W)` uint8 or uint16, or None after an error.
    """
    pixels = _read(path, findings, "mask", _to_rgb if colors else _to_labels)
    if pixels is None or not colors:
        return pixels
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    there, places = np.unique(packed, return_inverse=True)
    known = {0: 0, **colors}
    if unnamed := [f"#{color:06x}" for color in there.tolist() if color not in known]:
        fix = f"name them by `labels`, such as other={unnamed[0]} for background"
        findings.error("mask-values", path, f"colors {listed(unnamed)}, which have no name; {fix}")
        return None
    return np.array([known[color] for color in there.tolist()], np.uint16)[places].reshape(packed.shape)


def _read(
    path: Path,
    findings: Findings,
    kind: str,
    convert: Callable[[np.ndarray | Image.Image], np.ndarray | str] | None = None,
) -> np.ndarray | None:
    findings.count("files")
    with as_finding(path, findings):
        pixels = (convert or _to_grey)(_decode(path, kind))
        if isinstance(pixels, str):
            raise MaskError({"image": "image-mode", "mask": "mask-values"}[kind], pixels)
        return pixels
    return None


def _decode(path: Path, kind: str) -> np.ndarray | Image.Image:
    """The pixels of a file, which is read only if it can be a slice: an array if they are 8-bit grey or RGB."""
    held = held_by(path)
    try:
        data = path.read_bytes() if held <= _MOST_BYTES else b""
        width, height, *pixels = _HEADER.unpack_from(data) if len(data) >= _HEADER.size else (0, 0)
        if (data.startswith(_PNG) and width * height > MOST_PIXELS) or held > _MOST_BYTES:
            raise Image.DecompressionBombError
        if not data.startswith(_PNG):
            raise _not_png(data, kind)
        if not _is_complete(data):
            raise EOFError
        if (mode := _MODES.get(tuple(pixels))) is not None:
            return _by_kornia(data, height, width, mode)
        image = Image.open(io.BytesIO(data), formats=("PNG",))
        image.load()
    except PermissionError:
        raise MaskError("unreadable", "cannot be read; fix its permissions") from None
    except Image.DecompressionBombError:
        raise MaskError("too-large", "far too many pixels for a slice; save it smaller") from None
    except (OSError, SyntaxError, ValueError, EOFError):  # Pillow has no single error for a broken stream
        raise MaskError("truncated", "truncated or damaged PNG; copy it again") from None
    return np.asarray(image) if image.mode in ("L", "RGB") else image


def _by_kornia(data: bytes, height: int, width: int, mode: str) -> np.ndarray:
    """`(H, W)` or `(H, W, 3)` uint8, in a half (slices) to a twentieth (masks) of Pillow's time."""
    try:
        pixels = kornia.decode_image_png_u8(data, (height, width), mode)
    except Exception as error:  # it raises no other
        raise ValueError(*error.args) from error
    return pixels[..., 0] if mode == "mono" else pixels


def _not_png(data: bytes, kind: str) -> MaskError:
    if data.startswith(_JPEG):
        why = "whose blurred edges are not a mask" if kind == "mask" else "which is lossy"
        return MaskError(f"{kind}-jpeg", f"not a PNG but JPEG data, {why}; export it again as PNG")
    start = f"something that starts with {data[:4].hex(' ')}" if data else "an empty file"
    return MaskError("unreadable", f"not a PNG but {start}; export it again as PNG")


def _is_complete(data: bytes) -> bool:
    """Whether all chunks of a PNG are there with their checksums; decoders stop early and miss much of it."""
    at = len(_PNG)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data) or zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return False
        if data[at + 4 : at + 8] == b"IEND":
            return True
        at = end
    return False


def _to_labels(image: np.ndarray | Image.Image) -> np.ndarray | str:
    """The pixels themselves where they are labels already: 16 bits, or a palette with colors."""
    if isinstance(image, Image.Image) and image.mode == "I;16":
        return np.asarray(image)
    grey = _to_grey(image, colored=NAME_COLORS)
    return np.asarray(image) if isinstance(grey, str) and isinstance(image, Image.Image) and image.mode == "P" else grey


def _to_rgb(image: np.ndarray | Image.Image) -> np.ndarray | str:
    if isinstance(image, np.ndarray):
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)
    if image.mode not in ("1", "P"):
        return f"{image.mode} pixels; save it as RGB or palette PNG without transparency"
    return np.asarray(image.convert("RGB"))


def _to_grey(image: np.ndarray | Image.Image, *, colored: str = "save it as 8-bit grey PNG") -> np.ndarray | str:
    """`(H, W)` uint8, or what keeps an image from being grey."""
    if isinstance(image, Image.Image):
        if image.mode == "1":
            return np.asarray(image.convert("L"))
        if image.mode.startswith(("I", "F")):
            return f"{image.mode} pixels, more than 8 bits; window it to 0..255 and save it as 8-bit PNG"
        if image.mode != "P":
            return f"{image.mode} pixels; save it as 8-bit grey PNG without transparency"
        image = np.asarray(image.convert("RGB"))
    if image.ndim == 2:
        return image
    samples = np.ravel(image)
    differs = samples[1:] != samples[:-1]  # in the order of memory, a third of the time of channel by channel
    differs[2::3] = False  # from one pixel to the next
    return f"colored pixels; {colored}" if differs.any() else np.ascontiguousarray(image[..., 0])
