"""Kinds of files, by their names and first bytes."""

from pathlib import Path

from pipelines.files.png import JPEG_SUFFIXES

DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
_VOLUMES = (
    *(".nii", ".nii.gz", ".nii.bz2", ".nii.xz", ".nii.zip", ".nrrd", ".nhdr", ".mha", ".mhd"),
    *(".hdr", ".mgz", ".mgh", ".mnc"),
)
_PICTURES = (".png", *JPEG_SUFFIXES, ".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2", ".pgm")
_ARCHIVES = (".zip", ".tar", ".tgz", ".7z", ".rar", ".gz", ".bz2", ".xz", ".zst")
_ARRAYS = (".npy", ".npz", ".h5", ".hdf5", ".mat", ".pkl", ".pt", ".parquet", ".tfrecord")
_VOXELS = (".raw", ".zraw", ".img", ".bin")  # of a header beside them
_HEADERS = (".nhdr", ".mhd", ".hdr")
_TEXT = (
    *(".csv", ".tsv", ".xls", ".xlsx", ".json", ".toml", ".yaml", ".yml", ".xml", ".ini", ".cfg", ".txt", ".md"),
    *(".rst", ".html", ".htm", ".pdf", ".doc", ".docx", ".log", ".py", ".ipynb", ".sh", ".m", ".sha256", ".md5"),
)
# Not worth opening; others, such as .img, have been seen on DICOM files.
_NEVER_DICOM = (
    *(".nii", ".gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".raw", ".png", *JPEG_SUFFIXES, ".tif", ".tiff", ".zip"),
    *(".csv", ".tsv", ".json", ".toml", ".txt", ".md", ".html", ".xml", ".pdf", ".py"),
)
SCAN_NAMES = ("ct", "image", "imaging", "img", "volume", "scan")
_DICOMDIR = b"1.2.840.10008.1.3.10"  # SOP class of the directory of a disk

TEXT, VOLUME, PICTURE, DICOM, OTHER = "text", "volume", "picture", "DICOM", "other"
ARCHIVE, ARRAYS, VOXELS, BINARY = "archive", "arrays", "voxels", "binary"
_BY_SUFFIX = (
    (VOLUME, _VOLUMES),
    (PICTURE, _PICTURES),
    (ARCHIVE, _ARCHIVES),
    (ARRAYS, _ARRAYS),
    (VOXELS, _VOXELS),
    (TEXT, _TEXT),
)


def nifti_stem(path: Path) -> str | None:
    """The name of a NIfTI file without its suffix, in any case; None for other files."""
    suffix = next((suffix for suffix in (".nii.gz", ".nii") if path.name.lower().endswith(suffix)), None)
    return None if suffix is None else path.name[: -len(suffix)]


def is_scan_name(path: Path) -> bool:
    """Whether a volume is called as the scan of a case is that has a folder of its own, such as ct.nii.gz."""
    return path.name.partition(".")[0].lower() in SCAN_NAMES


def kind_of_file(path: Path) -> str:
    """What a file holds: `TEXT`, `VOLUME`, `PICTURE`, `ARCHIVE`, `ARRAYS`, `VOXELS`, `DICOM`, `BINARY` or `OTHER`.

    By its suffix, or where that says nothing by its first bytes.
    """
    name = path.name.lower()
    kind = next((kind for kind, suffixes in _BY_SUFFIX if name.endswith(suffixes)), OTHER)
    if kind == VOXELS and any(path.with_suffix(suffix).exists() for suffix in _HEADERS):
        return TEXT  # the header speaks for it
    if kind not in (VOXELS, OTHER):
        return kind
    try:
        start = _start(path)
    except OSError:
        return kind
    if _is_dicom(start):
        return DICOM
    # DICOM files often have no suffix, or a number; programs and their files have one.
    unknown = b"\0" in start and start[128:132] != b"DICM" and not path.suffix[1:].isalpha()
    return BINARY if kind == OTHER and unknown else kind


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM and not the directory of a disk (DICOMDIR), by a few bytes of it.

    Some tools leave out the preamble with DICOM's mark, and the file meta information behind it.

    Raises:
        OSError: it cannot be read.
    """
    if path.name.lower().endswith(_NEVER_DICOM):
        return False
    return _is_dicom(_start(path))


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _is_dicom(start: bytes) -> bool:
    return (start[128:132] == b"DICM" or _starts_with_data_set(start)) and _DICOMDIR not in start


def _starts_with_data_set(start: bytes) -> bool:
    """Whether the first two elements are of a DICOM data set or of its meta information, in little endian.

    They are of group 8 or 2, in ascending order.
    """
    at, elements, first = 0, [], start[:2]
    for _ in range(2):
        group, element = (int.from_bytes(start[at + n : at + n + 2], "little") for n in (0, 2))
        explicit = start[at + 4 : at + 6].isalpha() and start[at + 4 : at + 6].isupper()
        long = start[at + 4 : at + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT")
        length = start[at + 8 : at + 12] if long else start[at + 6 : at + 8] if explicit else start[at + 4 : at + 8]
        if group not in (2, 8) or start[at : at + 2] != first:
            return False
        elements.append(element)
        at += (12 if long else 8) + int.from_bytes(length, "little")
    return elements[0] < elements[1]
