"""Files that claim or unpack to more than they hold: one line, and no memory taken."""

import bz2
import contextlib
import gzip
import importlib
import io
import os
import resource
import struct
import time
import zlib

import nibabel
import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from pipelines.errors import DataError
from pipelines.files.labels import MaskError
from pipelines.files.nifti import open_volume, read_hu, read_label_map
from pipelines.files.nrrd import read_nrrd
from pipelines.files.png import read_image, read_labels
from pipelines.findings import Report, Strict
from pipelines.layouts import verify
from pipelines.layouts.dicom.reader import Dicom
from pipelines.masks.volumes import read_volume
from tests.pipelines.layouts.dicom.folders import slice_paths, tiny, write, write_nrrd

AFFINE = np.diag([-0.8, -0.8, 5, 1.0])
MANY = 1 << 27  # bytes that bombs unpack to, far more than any of these tests may take


@pytest.fixture(autouse=True, scope="module")
def imported(tmp_path_factory):
    """What is imported while a folder is read takes memory too, once."""
    verify(write(tmp_path_factory.mktemp("imported") / "data", tiny())[0])
    with contextlib.suppress(ImportError):
        importlib.import_module("SimpleITK")  # which takes 64 MB by itself


@pytest.fixture(autouse=True)
def bounded(imported):
    """No test takes 64 MB or ten seconds."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    assert grown < 64 << 20
    assert time.process_time() - start < 10


def packed(data, wbits=31, many=MANY):
    """Data followed by many zeros, compressed; made without holding them."""
    pack = zlib.compressobj(9, zlib.DEFLATED, wbits)
    parts = [pack.compress(data), *(pack.compress(bytes(1 << 20)) for _ in range(many >> 20)), pack.flush()]
    return b"".join(parts)


def header(shape, dtype=np.int16, offset=None):
    made = nibabel.Nifti1Image(np.zeros((1, 1, 1), dtype), AFFINE).header
    made["dim"][: len(shape) + 1] = len(shape), *shape
    made["vox_offset"] = 352 if offset is None else offset
    return made.binaryblock + bytes(4)


def nifti_claims(path):
    (path / "a.nii.gz").write_bytes(gzip.compress(header((3000, 3000, 300)) + bytes(9 << 20)))
    return "a.nii.gz"


def nifti_of_more_than_a_scan(path):
    (path / "a.nii.gz").write_bytes(packed(header((3000, 3000, 300), np.uint8)) + bytes(3 << 20))
    return "a.nii.gz"


def nifti_unpacks(path):
    (path / "a.nii.gz").write_bytes(packed(header((4, 4, 4))))
    return "a.nii.gz"


def nifti_with_voxels_far_behind(path):
    (path / "a.nii.gz").write_bytes(packed(header((4, 4, 4), offset=2.0**30)))
    return "a.nii.gz"


@pytest.mark.parametrize("make", [nifti_claims, nifti_of_more_than_a_scan, nifti_unpacks, nifti_with_voxels_far_behind])
@pytest.mark.parametrize("read", [read_hu, read_label_map])
def test_nifti(tmp_path, make, read):
    path = tmp_path / make(tmp_path)
    with pytest.raises(DataError, match=path.name):
        read(open_volume(path, Strict(tmp_path)), Strict(tmp_path))
    with pytest.raises(MaskError):
        read_volume(path, "NIfTI")


def test_a_folder_of_them_is_verified(tmp_path):
    for number in range(3):
        for kind in ("volume", "segmentation"):
            (tmp_path / f"{kind}-{number}.nii.gz").write_bytes(
                (tmp_path / nifti_claims(tmp_path)).read_bytes() if number else packed(header((4, 4, 4)))
            )
    (tmp_path / "a.nii.gz").unlink()
    errors = {one.file for one in verify(tmp_path) if one.severity == "error"}
    assert len(errors) == 6


def nrrd_file(path, *, data=b"", **fields):
    write_nrrd(path, np.zeros((4, 4, 4), np.uint8), AFFINE)
    text, _, _ = path.read_bytes().partition(b"\n\n")
    lines = dict(line.split(": ", 1) for line in text.decode().splitlines()[1:] if ": " in line)
    lines |= {name.replace("_", " "): value for name, value in fields.items()}
    head = "\n".join(["NRRD0005", *(f"{name}: {value}" for name, value in lines.items()), "", ""])
    path.write_bytes(head.encode() + data)
    return path


NRRD = {
    "claims": {"sizes": "3000 3000 300", "data": gzip.compress(bytes(64))},
    "claims raw": {"sizes": "3000 3000 300", "encoding": "raw", "data": bytes(64)},
    "unpacks": {"data": packed(bytes(64))},
    "unpacks after a skip": {"data": packed(bytes(64)), "byte_skip": str(MANY // 2)},
    "line skip": {"data": gzip.compress(bytes(64)), "line_skip": str(10**12)},
    "byte skip": {"data": bytes(64), "encoding": "raw", "byte_skip": str(10**12)},
    "negative sizes": {"sizes": "-4 -4 4", "data": gzip.compress(bytes(64))},
    "endless header": {"data": bytes(64), "comment": "x" * (4 << 20)},
}


@pytest.mark.parametrize("name", NRRD)
def test_nrrd(tmp_path, name):
    with pytest.raises(MaskError) as caught:
        read_nrrd(nrrd_file(tmp_path / "a.nrrd", **NRRD[name]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize("skip", [{}, {"line_skip": "2"}, {"byte_skip": "3"}, {"byte_skip": "-1"}])
def test_nrrd_that_is_well(tmp_path, encoding, skip):
    voxels = np.arange(64, dtype=np.uint8)
    lines = b"one\ntwo\n" * ("line_skip" in skip)
    before = bytes(3) if skip.get("byte_skip") == "3" else b""
    data = {
        "raw": before + voxels.tobytes(),
        "gzip": gzip.compress(before + voxels.tobytes()),
        "bzip2": bz2.compress(before + voxels.tobytes()),
        "ascii": before.replace(b"\0", b" ") + " ".join(map(str, voxels)).encode(),
    }[encoding]
    layers, _ = read_nrrd(nrrd_file(tmp_path / "a.nrrd", data=lines + data, encoding=encoding, **skip))
    assert np.array_equal(layers[0].ravel(order="F"), voxels)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, data):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(60000, 60000), (12000, 12000)])
@pytest.mark.parametrize("read", [read_image, read_labels])
def test_png(tmp_path, size, read):
    path = tmp_path / "a.png"
    path.write_bytes(png(*size, packed(b"", 15)))
    report = Report(tmp_path)
    assert read(path, report) is None
    assert [one.code for one in report.findings] == ["too-large"]


def test_a_sparse_file_is_not_read(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(4, 4, zlib.compress(bytes(20))))
    os.truncate(path, 1 << 40)
    report = Report(tmp_path)
    assert read_image(path, report) is None
    assert report.findings


@pytest.fixture
def case(tmp_path):
    return write(tmp_path / "data", tiny())[0]


def errors(folder):
    return {one.file for one in verify(folder) if one.severity == "error"}


def test_segmentation_of_a_billion_frames(case):
    seg = dcmread(case / "masks.dcm")
    seg.NumberOfFrames = 10**9
    dcmwrite(case / "masks.dcm", seg)
    assert errors(case) == {"masks.dcm"}
    with pytest.raises(MaskError):
        read_volume(case / "masks.dcm", "DICOM SEG")


def test_segmentation_of_frames_far_apart(case):
    seg = dcmread(case / "masks.dcm")
    for number, own in enumerate(seg.PerFrameFunctionalGroupsSequence):
        own.PlanePositionSequence[0].ImagePositionPatient[2] = 2.5 * number + 10**8 * (number > 0)
    dcmwrite(case / "masks.dcm", seg)
    with pytest.raises(MaskError):
        read_volume(case / "masks.dcm", "DICOM SEG")


def test_deflated_slice(case):
    path = slice_paths(case)[0]
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    made = io.BytesIO()
    dcmwrite(made, dataset)
    data = made.getvalue()
    body = 144 + int.from_bytes(data[140:144], "little")
    path.write_bytes(
        data[:body] + packed(zlib.decompress(data[body:], -15) + b"\xe1\x7f\x10\x00OB\0\0\0\0\0\x20", -15, 3 * MANY)
    )
    assert path.name in errors(case)
    with pytest.raises(DataError, match="unpacks"):
        Dicom(case)


@pytest.mark.parametrize("where", ["header", "pixels"])
def test_slice_of_more_pixels_than_any_has(case, where):
    path = slice_paths(case)[0]
    dataset = dcmread(path)
    size = struct.pack(">HHHII", 0xFF51, 47, 0, *((60000, 60000) if where == "pixels" else (8, 6)))
    dataset.PixelData = encapsulate([b"\xff\x4f" + size + bytes(100)])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    if where == "header":
        for other in slice_paths(case):
            one = dcmread(other)
            one.Rows = one.Columns = 60000
            dcmwrite(other, one)
        dataset.Rows = dataset.Columns = 60000
    dcmwrite(path, dataset)
    assert path.name in errors(case)


METAIMAGE = {
    "axes": (b"NDims = 3", b"NDims = 1e9"),  # which ended the process
    "more axes": (b"NDims = 3", b"NDims = 4"),
    "fewer sizes": (b"DimSize = 4 4 4", b"DimSize = 4 4"),
    "sizes": (b"DimSize = 4 4 4", b"DimSize = 3000 3000 300"),
    "negative sizes": (b"DimSize = 4 4 4", b"DimSize = 4 -4 -4"),
    "type": (b"MET_SHORT", b"MET_OTHER"),
    "matrix": (b"TransformMatrix = 1 0 0", b"TransformMatrix = 1 nan 0"),
    "header size": (b"DimSize", b"HeaderSize = 999999999\nDimSize"),
    "no voxels": (b"ElementDataFile", b"Element"),
    "twice": (b"DimSize", b"NDims = 9\nDimSize"),
}


@pytest.mark.parametrize("name", METAIMAGE)
def test_metaimage(tmp_path, name, capfd):
    sitk = pytest.importorskip("SimpleITK", reason="the extra mha is not installed")
    path = tmp_path / "a.mha"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 4, 4), np.int16)), str(path), True)
    old, new = METAIMAGE[name]
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(MaskError):
        read_volume(path, "MetaImage")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("what", ["pipe", "device", "nothing"])
def test_voxels_in_what_is_no_file_are_not_waited_for(tmp_path, what):
    voxels = {"pipe": tmp_path / "pipe", "device": "/dev/zero", "nothing": tmp_path / "nothing"}[what]
    if what == "pipe":
        os.mkfifo(voxels)
    fields = "ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nElementType = MET_UCHAR"
    (tmp_path / "a.mhd").write_text(f"{fields}\nElementDataFile = {voxels}\n")
    nrrd_file(tmp_path / "a.nrrd", encoding="raw", data_file=str(voxels))
    for name, kind in (("a.mhd", "MetaImage"), ("a.nrrd", "NRRD")):
        with pytest.raises(MaskError, match="cannot be read"):
            read_volume(tmp_path / name, kind)


def test_a_header_that_nibabel_repairs_is_a_warning(tmp_path, capfd):
    data = bytearray(header((4, 4, 4)) + bytes(128))
    data[80:84] = struct.pack("<f", -0.8)  # the first step
    (tmp_path / "a.nii").write_bytes(data)
    report = Report(tmp_path)
    assert open_volume(tmp_path / "a.nii", report) is not None
    assert [(one.severity, one.code) for one in report.findings] == [("warning", "header-repaired")]
    assert capfd.readouterr() == ("", "")


def test_segmentation_whose_compressed_frames_claim_more_than_its_header(case):
    """Which took 6 GB to decode."""
    seg = dcmread(case / "masks.dcm")
    size = struct.pack(">HHHIIIIIIIIH", 0xFF51, 41, 0, 40000, 40000, 0, 0, 40000, 40000, 0, 0, 1)
    seg.PixelData = encapsulate([b"\xff\x4f" + size + bytes(100)] * int(seg.NumberOfFrames))
    seg["PixelData"].VR = "OB"
    seg.file_meta.TransferSyntaxUID = JPEG2000Lossless
    seg.SegmentationType, seg.SegmentationFractionalType, seg.MaximumFractionalValue = "FRACTIONAL", "PROBABILITY", 1
    seg.BitsAllocated, seg.BitsStored, seg.HighBit = 8, 8, 7
    dcmwrite(case / "masks.dcm", seg)
    with pytest.raises(MaskError, match="more than a slice has"):
        read_volume(case / "masks.dcm", "DICOM SEG")
