"""Time of a network's step on synthetic arrays."""

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from cafct_keras.benchmark.macs import count_macs
from cafct_keras.benchmark.memory import peak_memory
from cafct_keras.errors import UserError
from cafct_keras.losses import BCEDiceLoss
from cafct_keras.models import create_model, logits_model
from cafct_keras.models.choice import check_network
from cafct_keras.models.inputs import STRIDE
from cafct_keras.optimizers import make_optimizer
from cafct_keras.runtime.compiler_memory import return_compiler_memory
from cafct_keras.runtime.devices import environment, on_cpu
from cafct_keras.runtime.precision import PRECISIONS
from pipelines.preprocessing import LARGEST

TASKS = ("train", "predict")
QUEUED = 20  # steps

Step = Callable[[], Any]
Wait = Callable[[Any], Any]  # for what a step returned


def benchmark(
    task: str,
    *,
    model: str = "cafct_net",
    preset: str | None = None,
    model_options: dict[str, Any] | None = None,
    batch_size: int = 8,
    size: int = 256,
    context: int = 0,
    precision: str = "float32",
    repeats: int = 10,
) -> dict[str, Any]:
    """Times the bare training step (forward, loss, gradients, SGD with momentum) or the bare prediction.

    Under JAX the step is compiled by XLA with its state donated, as in `fit`. Under TensorFlow and PyTorch it is
    Keras's `train_on_batch` or `predict_on_batch`, and operations are not counted.

    Args:
        task: `"train"` or `"predict"`.
        model: name of the network, one of `cafct_keras.list_models()`.
        preset: size of the network; None for its default.
        model_options: further arguments of the network's builder.
        batch_size: images per step.
        size: height and width in pixels, a multiple of 32.
        context: neighbouring slices on either side, one channel each; 0 for three channels.
        precision: Keras dtype policy, one of `PRECISIONS`.
        repeats: number of timings, after a step that warms up: of one step on a CPU, of `QUEUED` steps in a row on an
            accelerator.

    Returns:
        A dictionary with the options, `parameters` (trainable), the backend, devices and versions, and

        * `ms_per_image` (median), `best_ms_per_image`, `images_per_second`;
        * `compile_s`, seconds to trace, compile and run the first step;
        * `peak_memory_gb`, GiB of the accelerator, or of the process on a CPU;
        * `flops_per_image`, as XLA counts the compiled step, and `achieved_flops` per second; None if not counted;
        * `macs_per_image`, multiply-adds of a prediction, see `count_macs`.

    Raises:
        UserError: unknown task, model, preset or precision, or `size` is not a multiple of 32.
    """
    for name, value, known in (("task", task, TASKS), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise UserError(f"`{name}` {value}: unknown; choose {', '.join(known)}")
    check_network(model, preset=preset)
    if size % STRIDE or not STRIDE <= size <= LARGEST["size"]:
        raise UserError(f"`size` {size}: must be a multiple of {STRIDE}, and at most {LARGEST['size']}")
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(0)
    shape = (size, size, 2 * context + 1 if context else 3)
    network = create_model(model, preset=preset, input_shape=shape, **(model_options or {}))
    generator = np.random.default_rng(0)
    images = generator.random((batch_size, *shape), dtype="float32")
    targets = (generator.random((batch_size, size, size, 1)) > 0.9).astype("float32")

    return_compiler_memory()
    make_step = _jax_step if keras.backend.backend() == "jax" else _keras_step
    start = time.perf_counter()
    step, wait, flops = make_step(task, network, images, targets)
    wait(step())
    compile_s = time.perf_counter() - start
    # An accelerator queues steps, as in training; waiting for each would time the launch of its kernels.
    queued = 1 if on_cpu() else QUEUED
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        for _ in range(queued):
            result = step()
        wait(result)
        times.append((time.perf_counter() - start) / queued)
    median = statistics.median(times)
    return {
        "task": task,
        "model": model,
        "preset": preset,
        "batch_size": batch_size,
        "size": size,
        "context": context,
        "precision": precision,
        "ms_per_image": round(1000 * median / batch_size, 3),
        "best_ms_per_image": round(1000 * min(times) / batch_size, 3),
        "images_per_second": round(batch_size / median, 3),
        "compile_s": round(compile_s, 2),
        "peak_memory_gb": round(peak_memory() / 2**30, 3),
        "flops_per_image": flops and round(flops / batch_size),
        "achieved_flops": flops and round(flops / median),
        "macs_per_image": count_macs(network),
        "parameters": sum(math.prod(variable.shape) for variable in network.trainable_variables),
        "repeats": repeats,
        **environment(),
    }


def table(report: dict[str, Any]) -> str:
    """Renders what `benchmark` returned as text, one measurement per line."""
    flops = "not counted under this backend"
    if report["flops_per_image"]:
        flops = (
            f"{report['flops_per_image'] / 1e9:.2f} GFLOP per image, {report['achieved_flops'] / 1e9:.1f} GFLOP/s; "
            f"prediction {report['macs_per_image'] / 1e9:.2f} GMAC"
        )
    return "\n".join(
        [
            f"{report['task']} {report['model']} {report['preset'] or 'base'}, {report['parameters']:,} parameters, "
            f"batch {report['batch_size']}, {report['size']}x{report['size']}, {report['precision']}, "
            f"{report['backend']} on {report['devices'][0]}",
            f"time     {report['ms_per_image']:.2f} ms per image (best {report['best_ms_per_image']:.2f}), "
            f"{report['images_per_second']:.2f} images per second",
            f"compile  {report['compile_s']:.1f} s",
            f"memory   {report['peak_memory_gb']:.2f} GiB peak",
            f"work     {flops}",
        ]
    )


def _jax_step(task: str, network: keras.Model, images: Any, targets: Any) -> tuple[Step, Wait, float | None]:
    import jax

    images, targets = jax.device_put(images), jax.device_put(targets)
    if task == "predict":
        variables = [v.value for v in network.trainable_variables], [v.value for v in network.non_trainable_variables]
        predict = jax.jit(lambda variables, x: network.stateless_call(*variables, x, training=False)[0])
        compiled = predict.lower(variables, images).compile()
        return lambda: compiled(variables, images), jax.block_until_ready, _flops(compiled)

    network = logits_model(network)
    loss = BCEDiceLoss(from_logits=True)
    optimizer = make_optimizer("sgd", learning_rate=1e-3)
    optimizer.build(network.trainable_variables)

    def forward(trainable: list, non_trainable: list, x: jax.Array, y: jax.Array) -> tuple[jax.Array, list]:
        logits, non_trainable = network.stateless_call(trainable, non_trainable, x, training=True)
        return loss(y, logits), non_trainable

    def train(state: tuple, x: jax.Array, y: jax.Array) -> tuple[jax.Array, tuple]:
        trainable, non_trainable, slots = state
        (value, non_trainable), gradients = jax.value_and_grad(forward, has_aux=True)(trainable, non_trainable, x, y)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return value, (trainable, non_trainable, slots)

    state = tuple(
        [v.value for v in variables]
        for variables in (network.trainable_variables, network.non_trainable_variables, optimizer.variables)
    )
    compiled = jax.jit(train, donate_argnums=0).lower(state, images, targets).compile()

    def step() -> tuple:
        nonlocal state
        value, state = compiled(state, images, targets)
        return value, state

    return step, jax.block_until_ready, _flops(compiled)


def _keras_step(task: str, network: keras.Model, images: Any, targets: Any) -> tuple[Step, Wait, None]:
    # Keras returns NumPy arrays, so each step is waited for.
    if task == "predict":
        return lambda: network.predict_on_batch(images), _nothing, None
    network = logits_model(network)
    network.compile(make_optimizer("sgd", learning_rate=1e-3), BCEDiceLoss(from_logits=True))
    return lambda: network.train_on_batch(images, targets), _nothing, None


def _nothing(result: Any) -> None:
    """Waits for nothing."""


def _flops(compiled: Any) -> float | None:
    return compiled.cost_analysis().get("flops")
