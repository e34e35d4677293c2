"""Reading one PNG slice or mask, with every oddity told in one line."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.errors import DataError

_HIGHEST = (0, 1, 255)  # level of a mask, all others being 0


def read_bytes(path: Path) -> bytes:
    """A file's bytes, or a DataError that says why not."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); mend its permissions") from None


def decode_image(data: bytes, path: Path) -> Image.Image:
    """Decodes a slice.

    Args:
        data: the file's bytes.
        path: where they come from, for messages.

    Returns:
        Mode `"L"`, 0..255.

    Raises:
        DataError: not a PNG, truncated, more than 8 bits, or coloured.
    """
    return _grey(_open(data, path), path)


def decode_mask(data: bytes, path: Path) -> Image.Image:
    """Decodes a two-level mask: 0 and 1, or 0 and 255.

    Args:
        data: the file's bytes.
        path: where they come from, for messages.

    Returns:
        Mode `"L"`, 0 for background and 255 for the target.

    Raises:
        DataError: not a PNG, truncated, coloured, or with other levels.
    """
    mask = _grey(_open(data, path), path)
    pixels = np.asarray(mask)
    target = pixels != 0
    highest = pixels.max()
    if highest not in _HIGHEST or (target & (pixels != highest)).any():
        levels = np.unique(pixels)
        shown = ", ".join(map(str, levels[:6])) + (", ..." if len(levels) > 6 else "")
        raise DataError(f"{path}: a mask with levels {shown}; save it with 0 and 255 only, one target in one folder")
    return Image.fromarray(target.view(np.uint8) * np.uint8(255))


def _open(data: bytes, path: Path) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=("PNG",))
    except Image.UnidentifiedImageError:
        raise DataError(f"{path}: not a PNG image; save it as 8-bit grey PNG or delete the pair") from None
    except Image.DecompressionBombError:
        raise DataError(f"{path}: far too many pixels for a slice; save it smaller") from None
    except (OSError, SyntaxError, ValueError):
        raise DataError(f"{path}: damaged PNG; copy it again or delete the pair") from None
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError):  # Pillow has no single error for a broken stream
        raise DataError(f"{path}: truncated or damaged PNG; copy it again or delete the pair") from None
    return image


def _grey(image: Image.Image, path: Path) -> Image.Image:
    if image.mode == "L":
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith(("I", "F")):
        raise DataError(f"{path}: {image.mode} pixels, more than 8 bits; window it to 0..255 and save it as 8-bit PNG")
    if image.mode not in ("RGB", "P"):
        raise DataError(f"{path}: {image.mode} pixels; save it as 8-bit grey PNG without transparency")
    red, green, blue = image.convert("RGB").split()
    if not red.tobytes() == green.tobytes() == blue.tobytes():
        raise DataError(f"{path}: coloured pixels; save it as 8-bit grey PNG")
    return red
