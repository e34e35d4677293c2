"""Sizes that DICOM files claim or unpack to, compared before memory is taken for them."""

import re
import struct
import zlib
from pathlib import Path
from typing import Any

from pydicom.encaps import generate_fragments

from pipelines.files.labels import MaskError
from pipelines.files.sizes import DEFLATE, MOST_PIXELS, held_by

_MOST_UNPACKED = 1 << 28  # bytes of a deflated DICOM file
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # transfer syntax of DICOM
_JPEG2000 = b"\xff\x4f\xff\x51"  # start of its header
_START_OF_JPEG = b"\xff\xd8"
_JPEG = re.compile(rb"\xff[\xc0-\xc3\xf7]\0.[\x08-\x10](.{4})", re.DOTALL)  # start of a frame, rows and columns
_BLOCK = 1 << 20  # bytes that are unpacked at a time


def check_deflated(path: Path) -> None:
    """Refuses a deflated DICOM file that unpacks to far more than a slice or a segmentation.

    Raises:
        MaskError: it does, or is not a regular file.
    """
    if held_by(path) * DEFLATE <= _MOST_UNPACKED:  # as most files are, of which nothing has to be read
        return
    with path.open("rb") as file:
        start = file.read(2048)
        if _DEFLATED not in start:
            return
        # Behind the preamble, the mark, and the file meta information, whose first element is its length.
        file.seek(144 + int.from_bytes(start[140:144], "little"))
        unpacked, inflate = 0, zlib.decompressobj(-zlib.MAX_WBITS)
        while (data := inflate.unconsumed_tail or file.read(_BLOCK)) and not inflate.eof:
            try:
                unpacked += len(inflate.decompress(data, _BLOCK))
            except zlib.error:
                return  # which its reader names
            if unpacked > _MOST_UNPACKED:
                raise MaskError("too-large", "unpacks to far more than a slice; export it again")


def check_pixels(dataset: Any) -> None:
    """Refuses a DICOM file with more pixels in a frame than any has, by its header and by those of compressed frames.

    Raises:
        MaskError: it claims them.
    """
    claims = [(int(dataset.Rows), int(dataset.Columns))]
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and "RLE" not in syntax.name:
        for fragment in generate_fragments(dataset.PixelData):
            start = fragment[:2048]
            if (at := start.find(_JPEG2000)) >= 0:
                claims.append(struct.unpack(">II", start[at + 8 : at + 16].ljust(8, b"\0")))
            elif start.startswith(_START_OF_JPEG) and (match := _JPEG.search(start)):
                claims.append(struct.unpack(">HH", match[1]))
    for one, other in claims:
        if one * other > MOST_PIXELS:
            raise MaskError("too-large", f"claims {one}x{other} pixels, more than a slice has; export it again")
