"""Networks for other programs: a SavedModel that TensorFlow alone can serve."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.export import serving_check
from cafct_keras.runs import load_model, read_run
from cafct_keras.runs.files import MODEL_FILE, RUN_FILE
from cafct_keras.runtime.devices import environment
from pipelines.loading.slices import network_images

FORMATS = ("savedmodel",)
TOLERANCE = 1e-5
# No size that training uses, neither square, one of them a single image.
CHECKED_SHAPES = ((2, 160, 224), (1, 288, 96))


def export(run, *, out, file_format="savedmodel"):
    """Writes a trained network as the next numbered version under `out`, checked before it appears there.

    The SavedModel is plain TensorFlow, written by Keras's TensorFlow backend in a process of its own whatever backend
    the run was trained on, so it runs on CPUs and GPUs and takes any batch size and any H and W that are multiples of
    32. Two endpoints: `serve` (and `serving_default`) takes `image`, float32 `(batch, H, W, channels)` in [0, 1], the
    network's own input, and `serve_slices` takes `slices`, uint8 grey: `(batch, H, W)`, or for a run with `--context N`
    `(batch, H, W, 2 N + 1)`, each slice among its neighbours from below to above. Both return `probability`, float32
    `(batch, H, W, classes)`.

    Args:
        run: run folder or `.keras` file.
        out: folder of the versions 1, 2 and so on, as TensorFlow Serving expects it.
        file_format: `"savedmodel"`.

    Returns:
        The manifest, as written beside the version: endpoints, largest difference from this backend's predictions on
        two sizes, versions.

    Raises:
        UserError: for an unknown format, a folder without a model, missing TensorFlow, or an export that predicts
            something else (which is then not kept).
    """
    if file_format not in FORMATS:
        raise UserError(f"--format {file_format}: unknown; give {', '.join(FORMATS)}")
    model = load_model(run)
    context = _context(run, model)
    out = pathlib.Path(out)
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: is a file; give a folder")
    made_here = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    version = 1 + max((int(path.name) for path in out.iterdir() if path.name.isdigit()), default=0)
    with tempfile.TemporaryDirectory(dir=out, prefix=".partial-") as aside:
        try:
            manifest = _write_checked(model, context, pathlib.Path(aside))
        except UserError:
            if made_here:
                shutil.rmtree(out)
            raise
        (pathlib.Path(aside) / "model").rename(out / str(version))
    manifest = {"model": str(run), "version": version, **manifest}
    (out / f"manifest-{version}.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return manifest


def _context(run, model):
    """Neighbours on either side that the network sees. With three channels only a run folder tells 1 from 0."""
    folder = pathlib.Path(run)
    if (folder / RUN_FILE).is_file():
        return read_run(folder)["options"].get("context", 0)
    channels = model.input_shape[-1]
    return 0 if channels == 3 else channels // 2


def _write_checked(model, context, aside):
    """Writes the SavedModel to `aside`/model and returns what is known about it."""
    model.save(aside / MODEL_FILE)
    _child(["-c", _WRITE, str(aside / MODEL_FILE), str(aside / "model"), str(context)], KERAS_BACKEND="tensorflow")
    generator = np.random.default_rng(0)
    channels = model.input_shape[-1]
    cases = {}
    for index, shape in enumerate(CHECKED_SHAPES):
        slices = generator.integers(0, 256, (*shape, 2 * context + 1), dtype="uint8")
        cases[f"slices{index}"] = slices if context else slices[..., 0]
        cases[f"image{index}"] = network_images(slices, context=context)
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
        "serve": {"image": f"float32 (batch, H, W, {channels}) in [0, 1]"},
        "serve_slices": {
            "slices": f"uint8 (batch, H, W, {channels}), grey, each slice among its neighbours from below to above"
            if context
            else "uint8 (batch, H, W), grey"
        },
        "output": {"probability": f"float32 (batch, H, W, {model.output_shape[-1]}) in [0, 1]"},
    }
    checked = [list(shape) for shape in CHECKED_SHAPES]
    return {"format": "savedmodel", "endpoints": endpoints, "checked_shapes": checked, **report, **environment()}


_WRITE = "import sys; from cafct_keras.export.savedmodel import write_saved_model; write_saved_model(*sys.argv[1:])"


def write_saved_model(file, out, context):
    """Writes a `.keras` file as a SavedModel; runs in the child process, under Keras's TensorFlow backend."""
    import keras
    import tensorflow as tf

    model = load_model(file)
    channels = (model.input_shape[-1],)
    neighbours = int(context) > 0

    def serve(image):
        return {"probability": model(image, training=False)}

    def serve_slices(slices):
        grey = tf.cast(slices, tf.float32) / 255.0
        return serve(grey if neighbours else tf.repeat(grey[..., None], 3, axis=-1))

    images = (None, None, None)
    raw = tf.TensorSpec(images + channels * neighbours, tf.uint8, name="slices")
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", serve, [tf.TensorSpec(images + channels, tf.float32, name="image")])
    archive.add_endpoint("serve_slices", serve_slices, [raw])
    archive.write_out(out, verbose=False)


def _child(arguments, **environ):
    """Runs Python in a fresh process and returns what it printed last."""
    environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environ}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environ, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise UserError(f"export failed in its TensorFlow process: {lines[-1]}")
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
