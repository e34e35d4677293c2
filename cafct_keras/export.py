"""Networks for other programs: a SavedModel that TensorFlow alone can serve."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

from cafct_keras import serving_check
from cafct_keras.environment import environment
from cafct_keras.errors import UserError
from cafct_keras.models import load_model
from cafct_keras.models.saving import MODEL_FILE, RUN_FILE, read_run

FORMATS = ("savedmodel",)
TOLERANCE = 1e-5
# No size that training uses, neither square, one of them a single image.
CHECKED_SHAPES = ((2, 160, 224), (1, 288, 96))


def export(run, *, out, file_format="savedmodel"):
    """Writes a trained network as the next numbered version under `out`, checked before it appears there.

    The SavedModel is plain TensorFlow, written by Keras's TensorFlow backend in a process of its own whatever backend
    the run was trained on, so it runs on CPUs and GPUs and takes any batch size and any H and W that are multiples of
    32. Two endpoints: `serve` (and `serving_default`) takes `image`, float32 `(batch, H, W, 3)` in [0, 1], and
    `serve_slices` takes `slices`, uint8 `(batch, H, W)` grey; both return `probability`, float32
    `(batch, H, W, classes)`.

    Args:
        run: run folder or `.keras` file.
        out: folder of the versions 1, 2 and so on, as TensorFlow Serving expects it.
        file_format: `"savedmodel"`.

    Returns:
        The manifest, as written beside the version: endpoints, largest difference from this backend's predictions on
        two sizes, versions.

    Raises:
        UserError: for an unknown format, a folder without a model, a run with `--context`, missing TensorFlow, or an
            export that predicts something else (which is then not kept).
    """
    if file_format not in FORMATS:
        raise UserError(f"--format {file_format}: unknown; give {', '.join(FORMATS)}")
    model = load_model(run)
    if _context(run):
        # One slice three times is not what such a network was trained on, and would go through without an error.
        raise UserError(f"{run}: trained on a slice among its neighbours (--context); only single slices are exported")
    out = pathlib.Path(out)
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: is a file; give a folder")
    made_here = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    version = 1 + max((int(path.name) for path in out.iterdir() if path.name.isdigit()), default=0)
    with tempfile.TemporaryDirectory(dir=out, prefix=".partial-") as aside:
        try:
            manifest = _write_checked(model, pathlib.Path(aside))
        except UserError:
            if made_here:
                shutil.rmtree(out)
            raise
        (pathlib.Path(aside) / "model").rename(out / str(version))
    manifest = {"model": str(run), "version": version, **manifest}
    (out / f"manifest-{version}.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def _context(run):
    """Neighbours that a run folder's network sees; 0 for a lone `.keras` file, which does not say."""
    folder = pathlib.Path(run)
    return read_run(folder)["options"].get("context", 0) if (folder / RUN_FILE).is_file() else 0


def _write_checked(model, aside):
    """Writes the SavedModel to `aside`/model and returns what is known about it."""
    model.save(aside / MODEL_FILE)
    _child(["-c", _WRITE, str(aside / MODEL_FILE), str(aside / "model")], KERAS_BACKEND="tensorflow")
    generator = np.random.default_rng(0)
    cases = {}
    for index, shape in enumerate(CHECKED_SHAPES):
        slices = generator.integers(0, 256, shape, dtype="uint8")
        cases[f"slices{index}"] = slices
        cases[f"image{index}"] = np.repeat(slices[..., None].astype("float32") / 255, 3, axis=-1)
        cases[f"probability{index}"] = model.predict(cases[f"image{index}"], verbose=0)
    np.savez(aside / "cases.npz", **cases)
    # By its path and without this package: with TensorFlow alone, as it will be served.
    report = json.loads(_child([serving_check.__file__, str(aside / "model"), str(aside / "cases.npz")]))
    if not report["largest_difference"] <= TOLERANCE:
        raise UserError(
            f"the exported network differs from the run's by {report['largest_difference']:.2g}, more than "
            f"{TOLERANCE:g}; nothing was kept, please report this"
        )
    endpoints = {
        "serve": {"image": "float32 (batch, H, W, 3) in [0, 1]"},
        "serve_slices": {"slices": "uint8 (batch, H, W), grey"},
        "output": {"probability": f"float32 (batch, H, W, {model.output_shape[-1]}) in [0, 1]"},
    }
    checked = [list(shape) for shape in CHECKED_SHAPES]
    return {"format": "savedmodel", "endpoints": endpoints, "checked_shapes": checked, **report, **environment()}


_WRITE = "import sys; from cafct_keras.export import write_saved_model; write_saved_model(*sys.argv[1:])"


def write_saved_model(file, out):
    """Writes a `.keras` file as a SavedModel; runs in the child process, under Keras's TensorFlow backend."""
    import keras
    import tensorflow as tf

    model = load_model(file)

    def serve(image):
        return {"probability": model(image, training=False)}

    def serve_slices(slices):
        grey = tf.cast(slices, tf.float32)[..., None] / 255.0
        return serve(tf.repeat(grey, 3, axis=-1))

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", serve, [tf.TensorSpec((None, None, None, 3), tf.float32, name="image")])
    archive.add_endpoint("serve_slices", serve_slices, [tf.TensorSpec((None, None, None), tf.uint8, name="slices")])
    archive.write_out(out, verbose=False)


def _child(arguments, **environ):
    """Runs Python in a fresh process and returns what it printed last."""
    environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environ}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise UserError(f"export failed in its TensorFlow process: {lines[-1]}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
