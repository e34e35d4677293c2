"""Kills a segmentation job at random moments and resumes it: its folder must equal that of an uninterrupted job.

    python benchmarks/soak_predict.py --scans 50 --kills 10

Each process is ended by SIGKILL after it finished a random number of scans and a random time more. The scans are the
phantom's; masks, probabilities, previews, measurements and the page are written. All files are compared byte for byte.
"""

import argparse
import collections
import json
import pathlib
import random
import sys
import tempfile
import time

from benchmarks.soak_resume import Processes

EVERYTHING = ("--probability", "--preview", "--measurements", "--page")


class PredictSoak:
    """Kills jobs.

    Args:
        processes: a `Processes`.
        seed: of the moments.
    """

    def __init__(self, processes, *, seed=0):
        self._processes = processes
        self._dice = random.Random(seed)
        self.kills = collections.Counter()

    def whole(self, out, *arguments):
        """A job that is left alone; returns the seconds that it took."""
        started = time.perf_counter()
        if self._processes.run("predict", *arguments, "--out", out):
            raise RuntimeError(f"the job that was left alone failed; see {self._processes.log}")
        return time.perf_counter() - started

    def killed(self, out, *arguments, kills, scans):
        """A job that is killed so many times, and then left alone; returns how often it was."""
        times = 0
        for left in range(kills, 0, -1):
            done = _finished(out)
            after = done + self._dice.randint(0, max(0, 2 * (scans - done) // left - 1))
            times += self._kill(out, *arguments, after=min(after, scans - 2 * left))  # before it ends by itself
        if self._processes.run("predict", *arguments, "--out", out):
            raise RuntimeError(f"the resumed job failed; see {self._processes.log}")
        return times

    def _kill(self, out, *arguments, after):
        process = self._processes.start("predict", *arguments, "--out", out)
        while process.is_alive() and _finished(out) < after:
            time.sleep(0.001)
        process.join(self._dice.uniform(0, 0.1))
        process.kill()
        process.join()
        if process.exitcode not in (0, -9):
            raise RuntimeError(f"a job ended with code {process.exitcode}; see {self._processes.log}")
        if process.exitcode == -9:
            self.kills[_moment(out)] += 1
        return process.exitcode == -9


def _finished(out):
    return len(list(pathlib.Path(out, ".predict").glob("*/record.json")))


def _moment(out):
    """What a job was at, by what it left."""
    folder = pathlib.Path(out) / ".predict"
    if list(folder.glob(".*")):
        return "while it wrote a case"
    return "while it moved files to their places" if list(folder.glob("*/files")) else "between cases"


def contents(folder):
    """Every file below a folder and its bytes."""
    folder = pathlib.Path(folder)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def differences(one, other):
    """Names of the files that two folders do not have in common."""
    one, other = contents(one), contents(other)
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def main():
    """Reports as JSON on the last line; exit code 1 where a folder differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=50)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--layout", default="nifti", help="of the phantom; dicom for DICOM SEG")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        processes = Processes(folder)
        soak = PredictSoak(Processes(folder, preload="cafct_keras.prediction.job"), seed=options.seed)
        made = ("--layout", options.layout, "--cases", options.scans, "--slices", 8, "--size", 64)
        processes.run("data", "phantom", *made, "--out", folder / "scans")
        quick = ("--target", "both", "--preset", "tiny", "--size", 64, "--epochs", 1, "--batch-size", 8)
        processes.run("fit", "--data", folder / "scans", *quick, "--out", folder / "run")
        arguments = (folder / "run", "--input", folder / "scans", *EVERYTHING)
        seconds = soak.whole(folder / "whole", *arguments)
        kills = soak.killed(folder / "killed", *arguments, kills=options.kills, scans=options.scans)
        files, changed = len(contents(folder / "whole")), differences(folder / "killed", folder / "whole")
    report = {"scans": options.scans, "kills": kills, "moments": dict(soak.kills), "files": files, "differ": changed}
    print(json.dumps({**report, "seconds_whole": round(seconds, 1)}))
    sys.exit(bool(changed))


if __name__ == "__main__":
    main()
