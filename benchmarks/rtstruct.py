"""What libraries make of a mask that they write as RTSTRUCT: the area of each outline, and errors by dciodvfy.

Needs dicom3tools, and `pip install rt-utils` or `pip install DicomRTTool`:

    python benchmarks/rtstruct.py rt-utils
    python benchmarks/rtstruct.py DicomRTTool
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from pydicom import dcmread

from pipelines.layouts.dicom.writer import write_dicom
from pipelines.layouts.phantom import Phantom

RADII = (0, 2, 5, 15)  # pixels
SIZE = 128


def disks() -> np.ndarray:
    """Bool `(SIZE, SIZE)`: disks side by side."""
    rows, columns = np.ogrid[:SIZE, :SIZE]
    centers = range(16, SIZE, 32)
    found = [
        (rows - 64) ** 2 + (columns - center) ** 2 <= radius**2 for radius, center in zip(RADII, centers, strict=True)
    ]
    return np.logical_or.reduce(found)


def write(library: str, slices: Path, out: Path) -> Path:
    """Writes the disks on the second of the slices as RTSTRUCT."""
    mask = disks()
    if library == "rt-utils":
        from rt_utils import RTStructBuilder

        struct = RTStructBuilder.create_new(dicom_series_path=str(slices))
        stack = np.zeros((SIZE, SIZE, 3), bool)
        stack[:, :, 1] = mask
        struct.add_roi(mask=stack, name="lesion")
        struct.save(str(out / "rtstruct.dcm"))
    else:
        from DicomRTTool.ReaderWriter import DicomReaderWriter

        reader = DicomReaderWriter(arg_max=True)
        reader.walk_through_folders(str(slices))
        reader.get_images()
        prediction = np.zeros((*reader.ArrayDicom.shape, 2), np.float32)
        prediction[1, :, :, 1] = mask
        prediction[..., 0] = 1 - prediction[..., 1]
        reader.prediction_array_to_RT(prediction_array=prediction, output_dir=str(out), ROI_Names=["lesion"])
    return next(out.rglob("*.dcm"))


def areas(path: Path, spacing: list[float]) -> list[float]:
    """The area of every outline in pixels, largest first."""
    found = []
    for contour in dcmread(path).ROIContourSequence[0].ContourSequence:
        x, y, _ = np.array(contour.ContourData, float).reshape(-1, 3).T
        found.append(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2 / spacing[0] / spacing[1])
    return sorted(found, reverse=True)


def main() -> None:
    """Prints areas and errors."""
    parser = argparse.ArgumentParser()
    parser.add_argument("library", choices=("rt-utils", "DicomRTTool"))
    library = parser.parse_args().library
    with tempfile.TemporaryDirectory() as folder:
        write_dicom(Phantom(cases=3, slices=3, size=SIZE), Path(folder, "phantom"))
        case = next(path for path in Path(folder, "phantom").iterdir() if path.is_dir())
        (case / "masks.dcm").unlink()
        (Path(folder) / "out").mkdir()
        path = write(library, case, Path(folder, "out"))
        spacing = [float(step) for step in dcmread(next(case.iterdir())).PixelSpacing]
        pixels = sorted((int((np.hypot(*np.ogrid[-20:21, -20:21]) <= radius).sum()) for radius in RADII), reverse=True)
        print("pixels of each disk:    ", *pixels)
        print("area of each outline:   ", *(f"{area:.1f}" for area in areas(path, spacing)))
        report = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        errors = [line for line in (report.stdout + report.stderr).splitlines() if line.startswith("Error")]
        lengths = [line for line in errors if "Length invalid" in line]
        print(f"errors by dciodvfy:      {len(errors)}, of which {len(lengths)} of lengths")
        print(*(line for line in errors if line not in lengths), sep="\n")


if __name__ == "__main__":
    main()
