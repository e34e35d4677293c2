"""What works with the package alone, or with one extra: `python -m tests.extras.alone EXTRA` prints it as JSON.

The packages that an installation would bring are those that pyproject.toml requires, and what these require in turn, by
the metadata of what is installed here; all others are hidden from Python's import. What the tasks read is
written in a fork, with every package.
"""

import importlib
import importlib.machinery
import importlib.metadata
import json
import os
import pathlib
import re
import sys
import tempfile
import tomllib

import numpy as np
from packaging.requirements import Requirement
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def packages(extra):
    """Names of the distributions that `cafct-keras[extra]` brings."""
    found, pending = set(), [*map(Requirement, PROJECT["dependencies"]), Requirement(f"cafct-keras[{extra}]")]
    pending = [one for one in pending if one.marker is None or one.marker.evaluate()]
    while pending:
        requirement = pending.pop()
        name, wanted = _plain(requirement.name), {"", *requirement.extras}
        for each in wanted - {extra for one, extra in found if one == name}:
            found.add((name, each))
            pending += [
                one for one in _required(name, each) if one.marker is None or one.marker.evaluate({"extra": each})
            ]
    return {name for name, _ in found}


def _required(name, extra):
    if name == "cafct-keras":
        return [*map(Requirement, PROJECT["optional-dependencies"].get(extra, ()))]
    try:
        return [*map(Requirement, importlib.metadata.requires(name) or ())]
    except importlib.metadata.PackageNotFoundError:  # of another system or Python
        return []


def hide_others(extra):
    """Hides the packages that `cafct-keras[extra]` does not bring."""
    brought = packages(extra)
    hidden = {
        top
        for top, distributions in importlib.metadata.packages_distributions().items()
        if not brought & set(map(_plain, distributions)) and top not in ("cafct_keras", "pipelines", "tests")
    }
    for name in [name for name in sys.modules if name.partition(".")[0] in hidden]:
        del sys.modules[name]

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name.partition(".")[0] in hidden:
                return None
            return importlib.machinery.PathFinder.find_spec(name, path, target)

    sys.meta_path[:] = [Finder if each is importlib.machinery.PathFinder else each for each in sys.meta_path]


def _plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def write_files(folder):
    """Writes what the tasks read, with every package at hand."""
    from tests.cli import run

    for layout in ("nifti", "dicom"):
        small = ("--cases", 3, "--slices", 2, "--size", 32)
        made = run("data", "phantom", "--layout", layout, *small, "--out", folder / layout)
        assert made.code == 0, made
    mask = np.zeros((2, 8, 8), np.uint8)
    mask[:, 2:5, 2:5] = 1
    for name in ("nrrd", "mha", "png"):
        (folder / name).mkdir()
    raw = mask.tobytes()
    header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 8 8 2\nspace: left-posterior-superior\nencoding: raw\n"
    header += "space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\n\n"
    (folder / "nrrd" / "case.nrrd").write_bytes(header.encode() + raw)
    header = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nDimSize = 8 8 2\n"
    header += "ElementSpacing = 1 1 1\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    (folder / "mha" / "case.mha").write_bytes(header.encode() + raw)
    Image.fromarray(mask[0] * 255).save(folder / "png" / "case.png")
    from safetensors.numpy import save_file

    save_file({"weight": np.ones(2, np.float32)}, folder / "weights.safetensors")
    (folder / "weights.pth").write_bytes(b"")


def tasks(folder):
    """Name of each task, and what does it; an error that names no package is none of a missing one."""
    from cafct_keras.engines.choice import load_engine
    from cafct_keras.export.conversion import require
    from cafct_keras.export.int8 import require_int8
    from cafct_keras.runs.hub import resolve
    from cafct_keras.weights.readers import read_state
    from tests.cli import run

    def command(*arguments):
        done = run(*arguments)
        if done.code:
            raise RuntimeError(done.error or done.out)

    def score(kind, *options):
        command(
            "score", "--prediction", folder / kind, "--reference", folder / kind, "--label", "liver=1,255", *options
        )

    def tolerant(call, *arguments, **options):
        try:
            call(*arguments, **options)
        except Exception as error:
            if "cafct-keras[" in str(error):
                raise

    return {
        "`score` of PNG masks": lambda: score("png"),
        "`data`, `fit`, `predict` and `score` of NIfTI files": lambda: command("data", "verify", folder / "nifti"),
        "the same of DICOM files": lambda: command("data", "verify", folder / "dicom"),
        "the same of NRRD files": lambda: score("nrrd"),
        "the same of MetaImage files": lambda: score("mha"),
        "`evaluate`, and `score --out`": lambda: score("png", "--out", pathlib.Path(tempfile.mkdtemp()) / "out"),
        "`predict --page` and `--preview`": lambda: tolerant(
            command, "predict", folder / "none", "--input", folder / "png", "--page", "--out", folder / "out"
        ),
        "weights in `.safetensors` files": lambda: read_state(folder / "weights.safetensors"),
        "weights in `.pth` files": lambda: tolerant(read_state, folder / "weights.pth"),
        "`publish`": lambda: importlib.import_module("cafct_keras.publishing.publish"),
        "models at `hf://` addresses": lambda: tolerant(resolve, "hf://owner/name"),
        "`predict --engine openvino`": lambda: tolerant(load_engine, folder / "none.keras", name="openvino"),
        "`predict --engine onnx`": lambda: tolerant(load_engine, folder / "none.keras", name="onnx"),
        "`export --format openvino`": lambda: require("openvino"),
        "`export --format openvino --int8`": lambda: require_int8("openvino"),
        "`export --format onnx`": lambda: require("onnx"),
        "`export --format litert`": lambda: require("litert"),
    }


def outcome(task):
    """`"works"`, or the extra that the error names."""
    try:
        task()
    except Exception as error:
        named = re.search(r"cafct-keras\[(\w+)\]", str(error))
        return named[1] if named else f"{type(error).__name__}: {error}"
    return "works"


def in_fork(work):
    """The result of `work()` in a process of its own."""
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            text = json.dumps(work())
        except BaseException as error:
            text = json.dumps(f"{type(error).__name__}: {error}")
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with open(read, encoding="utf-8") as pipe:
        text = pipe.read()
    os.wait()
    return json.loads(text)


def main():
    """Prints the outcome of each task."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import keras  # noqa: F401  (before anything is hidden)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if failure := in_fork(lambda: write_files(folder)):
            sys.exit(failure)

        hide_others("".join(sys.argv[1:]))
        print(json.dumps({name: outcome(task) for name, task in tasks(folder).items()}))


if __name__ == "__main__":
    main()
