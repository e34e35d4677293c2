"""NRRD files on the grid of a scan; masks as 3D Slicer's segmentations, with named segments."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pipelines.atomic import atomic_write
from pipelines.case import Case
from pipelines.frame import LPS_TO_RAS
from pipelines.optional import optional
from pipelines.scans.scan import Scan
from pipelines.scans.writers.algorithm import Algorithm
from pipelines.scans.writers.planes import GZIP, compressed, frame_of
from pipelines.terms import TERMS

with optional("writing NRRD files", extra="dicom"):
    import nrrd

_GRID = ("space", "space directions", "space origin", "space units")


def write_labels(
    labels: np.ndarray, path: Path, *, scan: Scan, case: Case, labels_of: Mapping[str, int], algorithm: Algorithm
) -> list[Path]:
    """Writes uint8 labels; see `write_mask`."""
    segments: dict[str, str] = {}
    ends = " ".join(f"0 {size - 1}" for size in frame_of(case).shape)
    for number, (target, label) in enumerate(labels_of.items()):
        segments |= {
            f"Segment{number}_{key}": value
            for key, value in {
                "ID": f"Segment_{number + 1}",
                "Name": target,
                "LabelValue": str(label),
                "Layer": "0",
                "Extent": ends,
                "Color": " ".join(f"{part / 255:.6f}" for part in TERMS[target].color),
                "Tags": f"TerminologyEntry:{TERMS[target].terminology_entry}|",
            }.items()
        }
    return _write(labels, np.dtype(np.uint8), path.with_name(f"{path.name}.seg.nrrd"), scan, case, segments)


def write_values(values: np.ndarray, path: Path, *, scan: Scan, case: Case) -> list[Path]:
    """Writes float16 as float32; see `write_probability`."""
    return _write(values, np.dtype("<f4"), path.with_name(f"{path.name}.nrrd"), scan, case, {})


def _write(
    slices: np.ndarray, dtype: np.dtype, file: Path, scan: Scan, case: Case, more: Mapping[str, str]
) -> list[Path]:
    frame = frame_of(case)
    if scan.format == "nrrd":  # as its file says, in the same space
        own = nrrd.read_header(str(scan.path))
        grid = {key: own[key] for key in _GRID if key in own}
    else:
        affine = LPS_TO_RAS @ frame.affine
        grid = {
            "space": "left-posterior-superior",
            "space directions": affine[:3, :3].T,
            "space origin": affine[:3, 3],
        }
    # Without those of axes that do not lie in space.
    directions = [row for row in grid["space directions"] if row is not None and np.isfinite(row).all()]
    fields = {
        "type": "uint8" if dtype == np.uint8 else "float",
        "dimension": "3",
        "space": grid["space"],
        "sizes": " ".join(map(str, frame.shape)),
        "space directions": nrrd.format_optional_matrix(np.array(directions, float)),
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "gzip",
        "space origin": nrrd.format_vector(np.asarray(grid["space origin"], float)),
    }
    if "space units" in grid:
        fields["space units"] = " ".join(f'"{unit}"' for unit in grid["space units"])
    head = ["NRRD0005", *(f"{key}: {value}" for key, value in fields.items())]
    head += [f"{key}:={value}" for key, value in more.items()]
    with atomic_write(file) as temporary, temporary.open("wb") as stream:
        stream.write("\n".join([*head, "", ""]).encode("ascii"))
        stream.writelines(compressed(frame.from_slices(slices), dtype, GZIP))
    return [file]
