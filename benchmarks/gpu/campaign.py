"""Measurements that are recorded one by one, so that a campaign resumes where its time ran out."""

import argparse
import datetime as dt
import json
import os
import pathlib
import subprocess
import time
from collections.abc import Callable
from typing import Any

from pipelines.atomic import atomic_write_text

Result = dict[str, Any]

ATTEMPTS = 2  # at a measurement that fails or ends the process
REQUIRED_S = 20.0  # less is not enough for any measurement


def parser(description: str | None) -> argparse.ArgumentParser:
    """The arguments that all scripts of the campaign have."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("out", type=pathlib.Path, help="JSON file; if it exists, what it lacks is measured")
    made.add_argument("--seconds", type=float, default=540, help="stop in time for a limit of ten minutes")
    return made


def machine() -> str:
    """The GPUs with their driver, and the number of CPU cores. Leaves the GPU alone, whose memory others may need."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        cards = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        cards = ["no GPU"]
    return "; ".join([*cards, f"{os.cpu_count()} CPU cores"])


class Campaign:
    """Results by name in a JSON file.

    A second campaign with the same file measures what it lacks. What failed is tried once more; what was stopped
    because the time was over, when there is more time than it had.

    Args:
        out: the file.
        seconds: after which nothing more is measured.

    Attributes:
        results: by name; each with the `machine` and the time at which it was `measured`, those that failed with an
            `error`.
        skipped: names for which no time was left.
    """

    def __init__(self, out: pathlib.Path, *, seconds: float) -> None:
        self._out = out
        self._end = time.monotonic() + seconds
        self._machine = machine()
        self.results: dict[str, Result] = json.loads(out.read_text("utf-8"))["results"] if out.exists() else {}
        self.skipped: list[str] = []

    @property
    def seconds_left(self) -> float:
        """Time until nothing more is measured."""
        return self._end - time.monotonic()

    def measure(self, name: str, function: Callable[[], Result], *, required: float = REQUIRED_S) -> Result | None:
        """Records what a function returns, unless there is a result under this name.

        Args:
            name: of the result.
            function: measures; returns what JSON holds.
            required: seconds that must be left.

        Returns:
            The result; None if there is none and there was no time for it.
        """
        known = self.results.get(name, {"error": "not measured"})
        if "error" not in known or known.get("attempts", 0) >= ATTEMPTS:
            return known
        if self.seconds_left < max(required, known.get("seconds_given", 0)):
            self.skipped.append(name)
            return None
        attempts = known.get("attempts", 0) + 1
        # Written first, so that a measurement that ends the process is not repeated forever.
        self.record(name, {"error": "interrupted", "attempts": attempts})
        try:
            result = function()
        except Exception as error:
            result = {"error": " ".join(str(error).split())[:400] or type(error).__name__}
        if "seconds_given" in result:
            attempts -= 1
        self.record(name, result | ({"attempts": attempts} if "error" in result else {}))
        return result

    def record(self, name: str, result: Result) -> None:
        """Writes a result to the file, and prints it."""
        measured = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        self.results[name] = {**result, "machine": self._machine, "measured": measured}
        atomic_write_text(self._out, json.dumps({"results": self.results}, indent=1) + "\n")
        if result.get("error") != "interrupted":
            print(f"{name}: {json.dumps(result)[:600]}", flush=True)

    def close(self) -> None:
        """Says what is left."""
        if self.skipped:
            print(f"{len(self.skipped)} left for another call with the same file: {'; '.join(self.skipped)[:600]}")


def run_json(command: list[str], *, timeout: float, environment: dict[str, str] | None = None) -> Result:
    """The JSON object on the last line that a command prints, with `command_s`, or an `error`."""
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired:
        return {"error": "the time was over", "seconds_given": round(timeout)}
    seconds = round(time.perf_counter() - start, 1)
    try:
        return {**json.loads(done.stdout.strip().splitlines()[-1]), "command_s": seconds}
    except (IndexError, ValueError, TypeError):
        return {"error": (done.stderr or done.stdout)[-1500:] or f"exit code {done.returncode}", "command_s": seconds}
