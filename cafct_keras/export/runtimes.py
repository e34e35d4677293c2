"""Comparison of exported networks with stored predictions, by the runtime that users have, without this package.

Run in a process of its own by its path: `python runtimes.py FORMAT DIRECTORY CASES.npz`. It prints one JSON object.
"""

import contextlib
import functools
import json
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

import numpy as np

# An endpoint: its name, the name of its input, and what returns its probabilities.
Endpoint = tuple[str, str, Callable[[np.ndarray], np.ndarray]]
TIMED = 3


def check(file_format: str, directory: str, cases: str) -> dict[str, Any]:
    """Calls every endpoint on the cases of its kind of input.

    Args:
        file_format: one of `cafct_keras.export.FORMATS`.
        directory: what was exported.
        cases: `.npz` file of `KIND/N/input` and `KIND/N/expected` for each kind of input and N = 0, 1, ...

    Returns:
        `checks`: for each endpoint and case its shape, the largest absolute difference, and milliseconds per image of
        the fastest call; `runtime`: distribution and version.
    """
    distributions, opened = RUNTIMES[file_format]
    checks = []
    with np.load(cases) as data:
        for endpoint, kind, call in opened(pathlib.Path(directory)):
            for name in data.files:
                if name.startswith(f"{kind}/") and name.endswith("/input"):
                    value, expected = data[name], data[name.replace("input", "expected")]
                    actual, seconds = call(value), []
                    for _ in range(TIMED):
                        start = time.perf_counter()
                        call(value)
                        seconds.append(time.perf_counter() - start)
                    # NaN must not pass for agreement, nor an array that is broadcast.
                    difference = np.inf
                    if actual.shape == expected.shape:
                        difference = np.nan_to_num(np.abs(actual - expected), nan=np.inf).max()
                    checks.append(
                        {
                            "endpoint": endpoint,
                            "shape": list(value.shape),
                            "largest_difference": float(difference),
                            "ms_per_image": round(1e3 * min(seconds) / len(value), 1),
                        }
                    )
    return {"checks": checks, "runtime": _version(distributions)}


def _version(distributions: tuple[str, ...]) -> str:
    """The first of these that is installed, and its version."""
    for name in distributions:
        with contextlib.suppress(metadata.PackageNotFoundError):
            return f"{name} {metadata.version(name)}"
    return distributions[0]


def _savedmodel(directory: pathlib.Path) -> Iterator[Endpoint]:
    import tensorflow as tf

    # Kept: the signatures hold no reference to the variables.
    loaded = tf.saved_model.load(str(directory))

    def call(signature: Any, kind: str, value: np.ndarray) -> np.ndarray:
        return signature(**{kind: tf.constant(value)})["probability"].numpy()

    for name, signature in loaded.signatures.items():
        (kind,) = signature.structured_input_signature[1]
        yield name, kind, functools.partial(call, signature, kind)


def _onnx(directory: pathlib.Path) -> Iterator[Endpoint]:
    import onnxruntime

    def call(session: Any, kind: str, value: np.ndarray) -> np.ndarray:
        return session.run(["probability"], {kind: value})[0]

    for file in sorted(directory.glob("*.onnx")):
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        (kind,) = (each.name for each in session.get_inputs())
        yield file.name, kind, functools.partial(call, session, kind)


def _openvino(directory: pathlib.Path) -> Iterator[Endpoint]:
    import openvino

    def call(compiled: Any, value: np.ndarray) -> np.ndarray:
        return compiled([value])["probability"]

    for file in sorted(directory.glob("*.xml")):
        # The default of CPUs that have it is bfloat16.
        compiled = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        yield file.name, compiled.input(0).any_name, functools.partial(call, compiled)


def _litert(directory: pathlib.Path) -> Iterator[Endpoint]:
    from ai_edge_litert.interpreter import Interpreter

    def call(interpreter: Any, value: np.ndarray) -> np.ndarray:
        (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.resize_tensor_input(given["index"], value.shape, strict=True)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], value)
        interpreter.invoke()
        return interpreter.get_tensor(result["index"])

    for file in sorted(directory.glob("*.tflite")):
        yield file.name, "image", functools.partial(call, Interpreter(model_path=str(file)))


# Format to the distribution of its runtime and what opens its files.
RUNTIMES: dict[str, tuple[tuple[str, ...], Callable[[pathlib.Path], Iterator[Endpoint]]]] = {
    "savedmodel": (("tensorflow", "tensorflow-cpu"), _savedmodel),
    "onnx": (("onnxruntime", "onnxruntime-gpu"), _onnx),
    "openvino": (("openvino",), _openvino),
    "litert": (("ai-edge-litert",), _litert),
}

if __name__ == "__main__":
    print(json.dumps(check(*sys.argv[1:])))
