"""Kills training runs at random moments and resumes them: each must be bit-identical to an uninterrupted run.

    python benchmarks/soak_resume.py --runs 50

Every process is ended by SIGKILL after a random time, up to 1.5 times that of the whole run, and its run is resumed
until it is complete. A checkpoint is written at every step, so that many processes are killed while writing one. The
network is `tiny` with stochastic depth; the slices are augmented.
"""

import argparse
import collections
import importlib
import json
import multiprocessing
import os
import pathlib
import random
import sys
import tempfile
import time

RECIPE = "--target liver --batch-size 4 --epochs 2 --optimizer adamw --learning-rate 3e-3 --flip --rotation 20"
TINY = ("--preset", "tiny", "--model-option", "stochastic_depth_rate=0.3")


class Processes:
    """Starts `cafct-keras` in processes of their own, all imports behind them.

    Args:
        folder: where `log.txt` goes, what they print.
        module: imported before; it may make a network known.
        preload: imported once, for all of them.
    """

    def __init__(self, folder, *, module=None, preload="cafct_keras.training.run"):
        self.log = pathlib.Path(folder) / "log.txt"
        self._module = module
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([preload])

    def start(self, *arguments, environment=None):
        """Begins a command and returns its `multiprocessing.Process`."""
        process = self._context.Process(
            target=_command_line, args=(str(self.log), arguments, environment or {}, self._module)
        )
        process.start()
        return process

    def run(self, *arguments, seconds=None):
        """Runs a command; returns its exit code, -9 if it outlived its time."""
        process = self.start(*arguments)
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
        return process.exitcode


def _command_line(log, arguments, environment, module):
    from cafct_keras.cli import main

    os.environ.update(environment)
    if module:
        importlib.import_module(module)
    with open(log, "a", buffering=1) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.argv = ["cafct-keras", *map(str, arguments)]
        main()


class Soak:
    """Kills runs.

    Args:
        processes: a `Processes`.
        seed: of the times to live.
    """

    def __init__(self, processes, *, seed=0):
        self._processes = processes
        self._dice = random.Random(seed)
        self.kills = collections.Counter()

    def whole(self, out, *recipe):
        """A run that is left alone; returns the seconds that it took."""
        started = time.perf_counter()
        if self._processes.run("fit", *recipe, "--out", out, "--checkpoint-every", 1):
            raise RuntimeError(f"the run that was left alone failed; see {self._processes.log}")
        return time.perf_counter() - started

    def killed(self, out, *recipe, seconds):
        """A run that is killed and resumed until it is done; returns how often it was killed."""
        kills = 0
        while True:
            lives = self._dice.uniform(0, seconds * (1.5 if kills else 0.9))
            code = self._processes.run("fit", *recipe, "--out", out, "--checkpoint-every", 1, "--resume", seconds=lives)
            if code == 0:
                return kills
            if code != -9:
                raise RuntimeError(f"a resumed run ended with code {code}; see {self._processes.log}")
            kills += 1
            self.kills[_moment(out)] += 1


def _moment(out):
    """What a run was at, by what it left."""
    folder = pathlib.Path(out) / "checkpoints"
    if list(folder.glob(".step-*")):
        return "while it wrote or removed a checkpoint"
    return "between checkpoints" if list(folder.glob("step-*")) else "before the first checkpoint"


def differences(out, whole):
    """Names of the arrays in which two runs' last checkpoints differ."""
    from cafct_keras.runs.checkpoints import read_checkpoint

    def end(run):
        state = read_checkpoint(max((pathlib.Path(run) / "checkpoints").glob("step-*"))).state
        # The metrics are those of the last validation, which a run that ends with a resume may have done without.
        return {name: value.tobytes() for name, value in state.items() if not name.startswith("metrics/")}

    one, other = end(out), end(whole)
    return [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]


def main():
    """Reports as JSON on the last line; exit code 1 where any run ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--model", help="another network than tiny; --module makes it known")
    parser.add_argument("--module", help="imported in every process")
    options = parser.parse_args()
    network = ("--model", options.model) if options.model else TINY
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        processes = Processes(folder, module=options.module)
        soak = Soak(processes, seed=options.seed)
        made = ("--layout", "paired_folder", "--cases", 8, "--slices", 4, "--size", options.size, "--target", "liver")
        processes.run("data", "phantom", *made, "--out", folder / "slices")
        recipe = ("--data", folder / "slices", "--size", options.size, *network, *RECIPE.split())
        soak.whole(folder / "compiled", *recipe)  # takes longer than those that find it done
        seconds = soak.whole(folder / "whole", *recipe)
        same = kills = 0
        for number in range(options.runs):
            out = folder / str(number)
            kills += soak.killed(out, *recipe, seconds=seconds)
            changed = differences(out, folder / "whole")
            same += not changed
            print(f"run {number}: {kills} kills so far, {'the same bits' if not changed else changed[:3]}", flush=True)
    report = {"runs": options.runs, "same_bits": same, "kills": kills, "moments": dict(soak.kills)}
    print(json.dumps(report))
    sys.exit(same < options.runs)


if __name__ == "__main__":
    main()
