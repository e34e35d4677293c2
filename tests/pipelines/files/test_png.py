"""PNG slices and masks: every form of pixels that encoders write, and streams that end early."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import DataError
from pipelines.files.png import read_image, read_labels, read_mask
from pipelines.findings import Strict

GREY = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)


def encoded(pixels, *, color, interlaced=False, filters=0):
    """A PNG of `(H, W, bytes per pixel)` uint8, which Pillow does not interlace."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape[:2]
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [pixels[row::down, column::across] for row, column, down, across in passes] if interlaced else [pixels]
    lines = b"".join(bytes([filters]) + line.tobytes() for part in parts if part.size for line in part)
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, interlaced)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def read(tmp_path, reader, data):
    (tmp_path / "slice.png").write_bytes(data)
    return reader(tmp_path / "slice.png", Strict(tmp_path))


@pytest.mark.parametrize("interlaced", [False, True])
def test_grey_is_read_from_grey_and_from_colors(tmp_path, interlaced):
    for color, channels in ((0, 1), (2, 3)):
        data = encoded(np.repeat(GREY[..., None], channels, axis=-1), color=color, interlaced=interlaced)
        pixels = read(tmp_path, read_image, data)
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, GREY)


def test_every_filter_of_lines_is_undone(tmp_path):
    """Pillow chooses one for each line."""
    rows, columns = np.mgrid[:96, :80]
    grey = ((rows * columns) % 256 * (rows < 64) + 255 * (columns > rows) * (rows >= 64)).astype(np.uint8)
    for pixels in (grey, np.repeat(grey[..., None], 3, axis=-1)):
        Image.fromarray(pixels).save(tmp_path / "slice.png")
        np.testing.assert_array_equal(read_image(tmp_path / "slice.png", Strict(tmp_path)), grey)
    colored = np.stack([grey, grey[::-1], grey], axis=-1)
    Image.fromarray(colored).save(tmp_path / "slice.png")
    with pytest.raises(DataError, match="colored pixels"):
        read_image(tmp_path / "slice.png", Strict(tmp_path))
    packed = [0x10000 * red + 0x100 * green + blue for red, green, blue in colored.reshape(-1, 3).astype(int)]
    labels = {color: number for number, color in enumerate(sorted(set(packed) - {0}), 1)}
    read_back = read_labels(tmp_path / "slice.png", Strict(tmp_path), labels)
    np.testing.assert_array_equal(read_back.ravel(), [labels.get(color, 0) for color in packed])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_mask_of_two_levels_is_read_from_every_mode(tmp_path, mode):
    mask = GREY > 127
    Image.fromarray(mask.astype(np.uint8) * 255).convert(mode).save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png", Strict(tmp_path)), mask)


def test_a_stream_that_ends_early_or_has_an_unknown_filter_is_damaged(tmp_path):
    """Its checksums are right: only decoding tells."""
    whole = encoded(GREY[..., None], color=0)
    for data in (
        whole.replace(struct.pack(">II", 7, 5), struct.pack(">II", 7, 6)),
        encoded(GREY[..., None], color=0, filters=9),
    ):
        header = data.index(b"IHDR")
        data = data[: header + 17] + struct.pack(">I", zlib.crc32(data[header : header + 17])) + data[header + 21 :]
        with pytest.raises(DataError, match="truncated or damaged PNG"):
            read(tmp_path, read_image, data)
