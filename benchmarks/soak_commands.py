"""Kills commands that write at random moments and starts them again: nothing half-written may be taken for whole.

    python -m benchmarks.soak_commands --kills 8

A process kills itself at a random one of the moments at which it creates, opens, renames or removes a file, or is
killed after a random time, which libraries that write by themselves need. After each kill, what has the name of a
result must be complete; the next start must succeed, and leave nothing of those before it.
"""

import argparse
import collections
import dataclasses
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

from benchmarks.soak_predict import contents

CHANGES = ("os.rename", "os.mkdir", "os.rmdir", "os.remove")
PRELOAD = (
    "cafct_keras.evaluation.evaluate",
    "cafct_keras.evaluation.folders",
    "cafct_keras.evaluation.writing",
    "cafct_keras.weights.importing",
    "pipelines.describe.figures",
    "pipelines.prepare",
    "matplotlib.backends.backend_agg",
    "tensorflow_datasets",
)


@dataclasses.dataclass(frozen=True)
class Command:
    """A command that writes.

    Attributes:
        arguments: all but `--out OUT`.
        results: pattern, below OUT, of what is complete wherever it exists; None for OUT itself.
        companion: a file of OUT, by the name of a result, that must be there with it.
    """

    arguments: tuple
    results: str | None = None
    companion: str | None = None

    def found(self, out):
        """The results that are there."""
        return list(out.glob(self.results)) if self.results else [out] * out.exists()


class CommandSoak:
    """Kills commands.

    Args:
        folder: where they write, and `log.txt` with what they print.
        seed: of the moments.
        module: imported first in every process; it may make a network known.
    """

    def __init__(self, folder, *, seed=0, module=None):
        self.folder, self.moments = pathlib.Path(folder), collections.Counter()
        self._dice, self._module = random.Random(seed), module
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(PRELOAD))
        process = self._context.Process(target=int)  # waits for the imports, which are no part of a command's time
        process.start()
        process.join()

    def killed(self, name, command, *, kills):
        """Kills a command so many times; returns what is wrong afterwards, a list of lines."""
        wrong, whole, out = [], self.folder / f"{name}-whole", self.folder / name / "out"
        out.parent.mkdir()
        started = time.perf_counter()
        code, changes = self._run(command, whole)
        if code:
            raise RuntimeError(f"{name} failed when it was left alone; see {self.folder / 'log.txt'}")
        seconds = time.perf_counter() - started
        for number in range(3 * kills):  # some are done before they are killed
            at_a_change = self._dice.random() < 0.7
            last = self._dice.randint(1, changes) if at_a_change else 0
            lives = None if at_a_change else self._dice.uniform(0.3, 1) * seconds
            code, _ = self._run(command, out, last=last, lives=lives)
            self.moments[f"{name}: {'killed' if code == -signal.SIGKILL else 'was done'}"] += 1
            if code not in (0, -signal.SIGKILL):
                wrong.append(f"{name}: start {number} ended with code {code}")
            wrong += self._half_written(name, command, out, whole)
            if code == 0 or not command.results:
                shutil.rmtree(out, ignore_errors=True)  # it would be refused, or have nothing to do
            if self.moments[f"{name}: killed"] == kills:
                break
        code, _ = self._run(command, out)
        if code:
            wrong.append(f"{name}: could not be started again (code {code})")
        wrong += self._half_written(name, command, out, whole)
        if not command.found(out):
            wrong.append(f"{name}: wrote nothing")
        left = [path.relative_to(out.parent) for path in out.parent.rglob(".*")]
        left += [path.relative_to(out.parent) for path in out.parent.rglob("*incomplete*")]
        return wrong + [f"{name}: left {each}" for each in left]

    def _half_written(self, name, command, out, whole):
        """What is called as a result is, and is none."""
        wrong = []
        for result in command.found(out):
            found, expected = contents(result), contents(whole / result.relative_to(out))
            of_times_and_paths = {name: 64 + len(content) // 20 for name, content in expected.items()}
            if found.keys() != expected.keys() or any(
                abs(len(found[name]) - len(expected[name])) > difference
                for name, difference in of_times_and_paths.items()
            ):
                wrong.append(f"{name}: {result} is not complete")
            if command.companion and not (out / command.companion.format(result.name)).exists():
                wrong.append(f"{name}: {result} lacks its {command.companion}")
        return wrong

    def _run(self, command, out, *, last=0, lives=None):
        """Runs a command; returns its exit code, and how many changes below the parent of `out` it made."""
        changes = self._context.Value("i", 0)
        arguments = (*command.arguments, "--out", out)
        target = (str(self.folder / "log.txt"), arguments, self._module, str(out.parent), changes, last)
        process = self._context.Process(target=_command_line, args=target)
        process.start()
        process.join(lives)
        if process.is_alive():
            process.kill()
            process.join()
        return process.exitcode, changes.value


def _command_line(log, arguments, module, watched, changes, last):
    """Runs a command, which kills itself at its last change of files."""
    import importlib

    from cafct_keras.cli import main

    if module:
        importlib.import_module(module)

    def hook(event, values):
        writes = event == "open" and isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        changed = (writes or event in CHANGES) and isinstance(values[0], str | os.PathLike)
        if changed and os.fspath(values[0]).startswith(watched):
            changes.value += 1
            if changes.value == last:
                os.kill(os.getpid(), signal.SIGKILL)

    with open(log, "a", buffering=1) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.argv = ["cafct-keras", *map(str, arguments)]
        sys.addaudithook(hook)
        main()


def main():
    """Reports as JSON on the last line; exit code 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=8, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="names of commands, with commas between them")
    parser.add_argument("--weights", help="published weights for import-weights")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = CommandSoak(folder, seed=options.seed)
        scans, run = soak.folder / "scans", soak.folder / "run"
        made = Command(("data", "phantom", "--layout", "nifti", "--cases", 8, "--slices", 4, "--size", 64))
        quick = ("--target", "both", "--preset", "tiny", "--size", 64, "--epochs", 1, "--batch-size", 8)
        soak._run(made, scans)
        soak._run(Command(("fit", "--data", scans, *quick)), run)
        for side in ("prediction", "reference"):
            (soak.folder / side).mkdir()
            for file in scans.glob("segmentation-*"):
                shutil.copy(file, soak.folder / side)
        masks = ("--prediction", soak.folder / "prediction", "--reference", soak.folder / "reference")
        labels = ("--label", "liver=1,2", "--label", "lesion=2")
        soak._run(Command(("evaluate", run)), soak.folder / "a")
        soak._run(Command(("score", *masks, *labels)), soak.folder / "b")
        recipe = ("--table", 3, "--models", "unet,attention_unet", "--seeds", 1, "--epochs", 1, "--size", 64)
        commands = {
            "phantom": made,
            "describe": Command(("data", "describe", scans)),
            "prepare": Command(("data", "prepare", scans, "--size", 64), results="lits_slices/*/[0-9]*"),
            "score": Command(("score", *masks, *labels)),
            "evaluate": Command(("evaluate", run)),
            "compare": Command(("compare", f"A={soak.folder / 'a'}", f"B={soak.folder / 'a'}")),
            "publish": Command(("publish", run)),
            "export": Command(("export", run), results="[0-9]*", companion="manifest-{}.json"),
            "reproduce": Command(
                ("reproduce", "--data", scans, *recipe, "--preset", "tiny"), results="runs/*-seed0/evaluation"
            ),
        }
        if options.weights:
            commands["import-weights"] = Command(("import-weights", options.weights))
        wrong = []
        for name in options.only.split(",") if options.only else commands:
            wrong += soak.killed(name, commands[name], kills=options.kills)
            print(f"{name}: {dict(soak.moments)}", *wrong, sep="\n", flush=True)
    print(json.dumps({"moments": dict(soak.moments), "wrong": wrong}))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
