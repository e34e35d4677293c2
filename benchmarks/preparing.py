"""Cost of `cafct-keras data prepare`: time for as many slices as LiTS has, and memory at 100 and at 1,000 cases.

Folders in Kaggle's layout are written from the phantom below FOLDER (3 GB, and kept there: the phantom takes longer
than what is measured), and each is prepared in a process of its own: `python benchmarks/preparing.py FOLDER`.
"""

import concurrent.futures
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipelines.layouts.lits_png.writer import write_lits_png
from pipelines.layouts.phantom import Phantom

LITS = 58_638  # slices
# Cases, slices per case, size written, size prepared.
RUNS = ((100, 50, 512, 256), (100, 4, 64, 64), (1000, 4, 64, 64))
PREPARE = (sys.executable, "-c", "from cafct_keras.cli import main; main()", "data", "prepare")


def prepare(folder: Path, size: int) -> tuple[float, float]:
    """Seconds and peak gigabytes of preparing a folder, packages included."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as out:
        start = time.perf_counter()
        process = subprocess.Popen([*PREPARE, folder, "--size", str(size), "--out", out], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"{folder}: preparing failed")
        return time.perf_counter() - start, usage.ru_maxrss / 2**20


def main(root: Path) -> None:
    """Prints a line a run."""
    for cases, slices, written, size in RUNS:
        folder = root / f"{cases}x{slices}-{written}"
        if not folder.exists():
            # In another process: what prepares would begin with this one's peak of memory as its own.
            with concurrent.futures.ProcessPoolExecutor(1) as pool:
                pool.submit(write_lits_png, Phantom(cases=cases, slices=slices, size=written), folder).result()
        seconds, gigabytes = prepare(folder, size)
        count = cases * slices
        print(
            f"{cases} cases, {count:,} slices of {written}x{written} to {size}x{size}: {seconds:.0f} s, "
            f"{count / seconds:,.0f} a second, {LITS:,} in {LITS * seconds / count / 60:.1f} minutes; "
            f"{gigabytes:.2f} GB at the most",
            flush=True,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
