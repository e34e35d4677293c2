"""Runtimes that compute converted networks: OpenVINO and ONNX Runtime."""

import concurrent.futures
import pathlib
import warnings
from importlib import metadata
from typing import Protocol

import numpy as np

from cafct_keras.engines.engine import Engine, cpu_count


class Runtime(Protocol):
    """A runtime.

    Attributes:
        name: of its engine and of its extra.
        title: name for people.
        package: the distribution that is to be installed.
        file: name of a converted network.
    """

    name: str
    title: str
    package: str
    file: str

    def convert(self, model: pathlib.Path, file: pathlib.Path) -> None:
        """Converts a run's network.

        Raises:
            UserError: it has an operator that cannot be converted.
            MissingPackageError: a package is not installed.
        """

    def precisions(self) -> tuple[str, ...]:
        """The precisions that this CPU computes in hardware, some of `PRECISIONS`."""

    def engine(self, file: pathlib.Path, *, precision: str, batch_size: int) -> Engine:
        """Loads a converted network."""


class OpenVINO:
    """OpenVINO, see `Runtime`."""

    name, title, package, file = "openvino", "OpenVINO", "openvino", "network.xml"

    def convert(self, model: pathlib.Path, file: pathlib.Path) -> None:
        """See `Runtime`."""
        from cafct_keras.export.conversion import to_openvino

        to_openvino(model, file)

    def precisions(self) -> tuple[str, ...]:
        """See `Runtime`."""
        import openvino

        capable = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ("float32", "bfloat16") if capable else ("float32",)

    def engine(self, file: pathlib.Path, *, precision: str, batch_size: int) -> Engine:
        """See `Runtime`."""
        return OpenVINOEngine(file, precision=precision, batch_size=batch_size)


class OpenVINOEngine:
    """A network in OpenVINO on the CPU, see `Engine`.

    It is compiled for single images of one size, with as many at once as there are cores: on two cores a third faster
    than batches of eight whose size is left open.

    Args:
        file: the `.xml` file; the weights lie beside it.
        precision: of convolutions and products.
        batch_size: images per call.
    """

    name = "openvino"

    def __init__(self, file: pathlib.Path, *, precision: str, batch_size: int) -> None:
        import openvino

        self.precision = precision
        self.version = f"openvino {metadata.version('openvino')}"
        self.note = ""
        self._core = openvino.Core()
        self._file = file
        self._streams = min(batch_size, cpu_count())
        self._settings = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "NUM_STREAMS": self._streams,
        }
        self._requests: dict[tuple[int, ...], list[openvino.InferRequest]] = {}

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        requests = self._compiled(images.shape[1:])
        results: list[np.ndarray] = []
        for start in range(0, len(images) + len(requests), len(requests)):
            for place, request in enumerate(requests):
                # The result of an image is taken just before the request's next one.
                if 0 <= (number := start + place - len(requests)) < len(images):
                    request.wait()
                    results.append(request.get_output_tensor(0).data[0].copy())
                if (number := start + place) < len(images):
                    request.start_async({0: images[number : number + 1]}, share_inputs=True)
        return np.stack(results)

    def _compiled(self, shape: tuple[int, ...]) -> list:
        if shape not in self._requests:
            model = self._core.read_model(self._file)
            model.reshape([1, *shape])
            compiled = self._core.compile_model(model, "CPU", self._settings)
            self._requests[shape] = [compiled.create_infer_request() for _ in range(self._streams)]
        return self._requests[shape]


class ONNXRuntime:
    """ONNX Runtime, see `Runtime`."""

    name, title, package, file = "onnx", "ONNX Runtime", "onnxruntime", "network.onnx"

    def convert(self, model: pathlib.Path, file: pathlib.Path) -> None:
        """See `Runtime`."""
        from cafct_keras.export.conversion import to_onnx

        to_onnx(model, file)

    def precisions(self) -> tuple[str, ...]:
        """See `Runtime`."""
        return ("float32",)

    def engine(self, file: pathlib.Path, *, precision: str, batch_size: int) -> Engine:
        """See `Runtime`."""
        return ONNXEngine(file, batch_size=batch_size)


class ONNXEngine:
    """A network in ONNX Runtime on the CPU, see `Engine`: an image per core at a time.

    Args:
        file: the `.onnx` file.
        batch_size: images per call.
    """

    name, precision = "onnx", "float32"

    def __init__(self, file: pathlib.Path, *, batch_size: int) -> None:
        import onnxruntime

        self.version = f"onnxruntime {metadata.version('onnxruntime')}"
        self.note = ""
        images = min(batch_size, cpu_count())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(cpu_count() // images, 1)
        options.log_severity_level = 3
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._threads = concurrent.futures.ThreadPoolExecutor(images)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        return np.concatenate(list(self._threads.map(self._predict, images)))

    def _predict(self, image: np.ndarray) -> np.ndarray:
        (probability,) = self._session.run(None, {self._input: image[None]})
        return probability


# The fastest first.
RUNTIMES: tuple[Runtime, ...] = (OpenVINO(), ONNXRuntime())
