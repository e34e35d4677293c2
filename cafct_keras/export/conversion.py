"""Conversion of networks to ONNX and OpenVINO, by way of TensorFlow graphs of standard operators.

Conversion runs in a process of its own, under Keras's TensorFlow backend, whatever backend this one uses.
"""

import importlib.util
import pathlib
import sys
from typing import Any

from cafct_keras.export.process import run_python
from pipelines.atomic import atomic_write, atomic_write_text
from pipelines.optional import optional

# The newest that tf2onnx writes.
OPSET = 18


def to_onnx(model_file: str | pathlib.Path, file: str | pathlib.Path) -> None:
    """Converts a network to one self-contained ONNX file.

    Its input `image`, float32 `(batch, H, W, channels)`, and its output `probability`, float32 `(batch, H, W,
    classes)`, are those of the network; batch, H and W are free, H and W in multiples of 32.

    Args:
        model_file: `.keras` file, or run folder.
        file: the `.onnx` file to write.

    Raises:
        UserError: there is no such model, or it has an operator that cannot be converted.
        MissingPackageError: a package of the extra `onnx` is missing.
    """
    _require("onnx", "tf2onnx")
    with atomic_write(file) as temporary:
        run_python("-m", __name__, "onnx", str(model_file), str(temporary), backend="tensorflow")


def to_openvino(model_file: str | pathlib.Path, file: str | pathlib.Path) -> None:
    """Converts a network to OpenVINO's format, float32, with the input and output of `to_onnx`.

    Args:
        model_file: `.keras` file, or run folder.
        file: the `.xml` file to write; the weights are written beside it, with the suffix `.bin`.

    Raises:
        UserError: there is no such model, or it has an operator that cannot be converted.
        MissingPackageError: a package of the extra `openvino` is missing.
    """
    _require("openvino", "openvino")
    file = pathlib.Path(file)
    with atomic_write(file.with_suffix(".bin")) as weights:
        description = weights.with_suffix(".xml")
        try:
            run_python("-m", __name__, "openvino", str(model_file), str(description), backend="tensorflow")
            text = description.read_text()
        finally:
            description.unlink(missing_ok=True)
    atomic_write_text(file, text)


def _require(extra: str, package: str) -> None:
    with optional(f"export to {extra}", extra=extra):
        if importlib.util.find_spec(package) is None:
            raise ModuleNotFoundError(package, name=package)


def _traced(model_file: str) -> Any:
    """A network's `tf.function`, from `image` to a dictionary of `probability`."""
    import tensorflow as tf

    from cafct_keras.layers.standard import standard_operators
    from cafct_keras.runs import load_model

    model = load_model(model_file)
    image = tf.TensorSpec((None, None, None, model.input_shape[-1]), tf.float32, name="image")

    @tf.function(input_signature=[image])
    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        with standard_operators():
            return {"probability": model(image, training=False)}

    return serve


def _write_onnx(model_file: str, file: str) -> None:
    import tf2onnx

    serve = _traced(model_file)
    tf2onnx.convert.from_function(serve, input_signature=serve.input_signature, opset=OPSET, output_path=file)


def _write_openvino(model_file: str, file: str) -> None:
    import openvino

    model = openvino.convert_model(_traced(model_file).get_concrete_function())
    openvino.save_model(model, file, compress_to_fp16=False)


if __name__ == "__main__":
    {"onnx": _write_onnx, "openvino": _write_openvino}[sys.argv[1]](*sys.argv[2:])
