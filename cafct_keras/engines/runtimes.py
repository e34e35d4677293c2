"""Runtimes that compute converted networks: OpenVINO and ONNX Runtime."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import pathlib
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cafct_keras.engines.engine import Engine, cpu_count
from cafct_keras.runs.lock import lock
from pipelines.atomic import atomic_write
from pipelines.loading.read_ahead import map_ahead

if TYPE_CHECKING:
    import openvino


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

    def engine(
        self, file: pathlib.Path, *, precision: str, batch_size: int, shape: tuple[int, ...] | None = None
    ) -> Engine:
        """Loads a converted network; see `load_engine`."""


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

    def engine(
        self, file: pathlib.Path, *, precision: str, batch_size: int, shape: tuple[int, ...] | None = None
    ) -> Engine:
        """See `Runtime`."""
        return OpenVINOEngine(file, precision=precision, batch_size=batch_size, shape=shape)


class OpenVINOEngine:
    """A network in OpenVINO on the CPU, see `Engine`.

    It is compiled for single images of one size, with as many at once as there are cores: on two cores a third faster
    than batches of eight whose size is left open.

    Args:
        file: the `.xml` file; the weights lie beside it.
        precision: of convolutions and products.
        batch_size: images per call.
        shape: of an image, for which a thread compiles the network at once, or loads what an earlier process kept of
            that beside the file; None to compile it for the images that come.
    """

    name = "openvino"

    def __init__(
        self, file: pathlib.Path, *, precision: str, batch_size: int, shape: tuple[int, ...] | None = None
    ) -> None:
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
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._requests: dict[tuple[int, ...], concurrent.futures.Future[list[openvino.InferRequest]]] = {}
        if shape is not None:
            self._requests[shape] = self._thread.submit(self._compile, shape, keep=True)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """See `Engine`."""
        return next(self.stream([images]))

    def stream(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See `Engine`."""
        sizes: deque[int] = deque()

        def images() -> Iterator[np.ndarray]:
            for batch in batches:
                sizes.append(len(batch))
                yield from np.split(batch, len(batch))

        results = self._results(images())
        for first in results:
            yield np.stack([first, *itertools.islice(results, sizes.popleft() - 1)])

    def _results(self, images: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields `(H, W, targets)` of each `(1, H, W, channels)`, while the next ones are computed."""
        started: deque[tuple[openvino.InferRequest, np.ndarray]] = deque()

        def take() -> np.ndarray:
            request, _ = started.popleft()
            request.wait()
            return request.get_output_tensor(0).data[0].copy()

        try:
            for number, image in enumerate(images):
                requests = self._compiled(image.shape[1:])
                if len(started) == len(requests):
                    yield take()
                request = requests[number % len(requests)]
                request.start_async({0: image}, share_inputs=True)
                started.append((request, image))
            while started:
                yield take()
        finally:
            for request, _ in started:  # which read their images until they are done
                request.wait()

    def _compiled(self, shape: tuple[int, ...]) -> list[openvino.InferRequest]:
        if shape not in self._requests:
            self._requests[shape] = self._thread.submit(self._compile, shape, keep=False)
        return self._requests[shape].result()

    def _compile(self, shape: tuple[int, ...], *, keep: bool) -> list[openvino.InferRequest]:
        kept = self._file.with_name("-".join(map(str, (self.precision, self._streams, *shape))) + ".blob")
        if keep and kept.is_file():
            compiled = self._core.import_model(kept.read_bytes(), "CPU", self._settings)
        else:
            model = self._core.read_model(self._file)
            model.reshape([1, *shape])
            compiled = self._core.compile_model(model, "CPU", self._settings)
            if keep:
                # A folder that cannot be written to, or a full disk, costs the next process a second.
                with contextlib.suppress(OSError), lock(self._file.parent, wait=True), atomic_write(kept) as temporary:
                    temporary.write_bytes(compiled.export_model().getvalue())
        # As many wait as are computed, so that no core does.
        return [compiled.create_infer_request() for _ in range(2 * self._streams)]


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

    def engine(
        self, file: pathlib.Path, *, precision: str, batch_size: int, shape: tuple[int, ...] | None = None
    ) -> Engine:
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

    def stream(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """See `Engine`."""
        return map_ahead(self, batches, workers=1)

    def _predict(self, image: np.ndarray) -> np.ndarray:
        (probability,) = self._session.run(None, {self._input: image[None]})
        return probability


# The fastest first.
RUNTIMES: tuple[Runtime, ...] = (OpenVINO(), ONNXRuntime())
