"""Compares the model of `benchmarks/scaling.py` with `fit` on 1, 2 and 4 virtual CPU devices and in 2 processes.

    python -m benchmarks.scaling_check scaling.json --preset small --slices 160 --rounds 3    # on an idle machine

Virtual devices share the cores, so that a batch costs as much computation on all of them together as on one. What a
step takes longer is the exchange, which the model adds up from the all-reduces that XLA compiled into the step and from
the time that an all-reduce takes by itself.
"""

import contextlib
import importlib
import math
import multiprocessing
import os
import pathlib
import re
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any
from unittest import mock

from benchmarks.gpu.campaign import Campaign, Result, parser

SETUPS = ((1, 1), (1, 2), (1, 4), (2, 1))  # processes, devices of each
ARRAYS = {"small": 1 << 10, "large": 1 << 20}  # float32 values: of batch normalization, of a kernel's gradient
CHAINED, REPEATS = 10, 5
_BYTES = {"f32": 4, "bf16": 2, "f16": 2, "f64": 8, "s32": 4, "u32": 4, "s64": 8, "pred": 1}
_ALL_REDUCE = re.compile(r"= (.*?) all-reduce(?:-start)?\(")  # shapes may hold comments with their index
_SHAPE = re.compile(r"([a-z]+\d*)\[([\d,]*)\]")


def all_reduces(module: str) -> list[int]:
    """Bytes of each all-reduce in the text of a compiled module."""

    def size(dtype: str, sides: str) -> int:
        return _BYTES[dtype] * math.prod(int(side) for side in sides.split(",") if side)

    return [sum(size(*shape) for shape in _SHAPE.findall(shapes)) for shapes in _ALL_REDUCE.findall(module)]


def all_reduce_ms(values: int) -> float:
    """Median milliseconds of a sum of so many float32 values over all devices of all processes, one after another."""
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    mesh, split = Mesh(jax.devices(), ("batch",)), PartitionSpec("batch")
    count = len(jax.devices())

    def chain(x: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, CHAINED, lambda _, y: jax.lax.psum(y, "batch") / count, x)

    function = jax.jit(jax.shard_map(chain, mesh=mesh, in_specs=split, out_specs=split, check_vma=False))
    ones = jax.jit(lambda: jax.numpy.ones((count, values)), out_shardings=NamedSharding(mesh, split))()
    jax.block_until_ready(function(ones))
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(function(ones))
        times.append(1000 * (time.perf_counter() - start) / CHAINED)
    return statistics.median(times)


def worker(connection: Any, flags: str, modules: Sequence[str], options: dict[str, Any]) -> None:
    """In a process of its own: trains, times all-reduces, and sends a report or an error."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    # Keras would import it, only to see that no batch comes from there.
    sys.modules.setdefault("tensorflow", None)
    try:
        import jax

        from benchmarks.gpu.epoch import train
        from cafct_keras.training.loop import TrainingLoop

        for module in modules:
            importlib.import_module(module)
        jax.config.update("jax_enable_compilation_cache", False)  # XLA does not write down what is taken from there
        exchange: dict[str, float] = {}
        trained = TrainingLoop._train

        def after_all_reduces(loop: TrainingLoop) -> None:
            # Here, where all processes are, and not afterwards, when the first one still scores the network.
            exchange.update({f"{name}_ms": all_reduce_ms(values) for name, values in ARRAYS.items()})
            trained(loop)

        with mock.patch.object(TrainingLoop, "_train", after_all_reduces):
            report = train(tf_data=False, **options) | exchange
        if "processes" in options:
            jax.distributed.shutdown()  # waits for the others: for those who miss one that has ended, it has crashed
    except Exception as error:
        report = {"error": f"{type(error).__name__}: {error}"}
    connection.send(report)


def measure(processes: int, devices: int, modules: Sequence[str], options: dict[str, Any]) -> Result:
    """The report of the first process, with the all-reduces of its training step."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.gpu.epoch"])
    with tempfile.TemporaryDirectory() as dump, contextlib.ExitStack() as stack:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        flags = f"--xla_force_host_platform_device_count={devices}"
        reports, connections = [], []
        for index in range(processes):
            place = {"coordinator": address, "processes": processes, "process_id": index} if processes > 1 else {}
            ours, theirs = context.Pipe()
            dumped = f" --xla_dump_to={dump} --xla_dump_hlo_as_text" if index == 0 else ""
            arguments = (theirs, flags + dumped, modules, {**options, "devices": devices, **place})
            process = context.Process(target=worker, args=arguments)
            process.start()
            theirs.close()
            stack.callback(process.join, 60)
            connections.append(ours)
        for connection in connections:
            try:
                reports.append(connection.recv())
            except EOFError:
                reports.append({"error": "a process ended without a report"})
        errors = [report for report in reports if "error" in report]
        if errors:
            return {"error": "; ".join(report["error"] for report in errors)}
        files = pathlib.Path(dump).glob("*train_step*after_optimizations.txt")
        sizes = max((all_reduces(file.read_text()) for file in files), key=len)
    return {**reports[0], "setup": [processes, devices], "all_reduces": len(sizes), "all_reduce_bytes": sum(sizes)}


def step_ms(results: Sequence[Result]) -> float:
    """Milliseconds of a step, the median of the rounds."""
    return statistics.median(result["ms_per_image"] * result["batch_size"] for result in results)


def exchange_ms(results: Sequence[Result]) -> float:
    """Milliseconds of all all-reduces of a step, by their number and their bytes."""
    small, large = (statistics.median(result[f"{name}_ms"] for result in results) for name in ("small", "large"))
    per_byte = max(large - small, 0) / (4 * (ARRAYS["large"] - ARRAYS["small"]))
    return results[0]["all_reduces"] * small + results[0]["all_reduce_bytes"] * per_byte


def table(results: dict[str, Result]) -> str:
    """Measured and predicted steps as a Markdown table."""
    setups: dict[tuple[int, int], list[Result]] = {}
    for result in results.values():
        if "setup" in result:
            setups.setdefault(tuple(result["setup"]), []).append(result)
    one = step_ms(setups[1, 1])
    head = ("processes x devices", "step", "predicted", "ratio", "lost to exchange", "waiting", "all-reduces", "MB")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for (processes, devices), rounds in setups.items():
        step, predicted = step_ms(rounds), one + (exchange_ms(rounds) if processes * devices > 1 else 0)
        waiting = statistics.median(result["waiting"] for result in rounds)
        lines.append(
            f"| {processes} x {devices} | {step:.1f} ms | {predicted:.1f} ms | {step / predicted:.2f} "
            f"| {1 - one / step:.1%} | {waiting:.1%} "
            f"| {rounds[0]['all_reduces']} | {rounds[0]['all_reduce_bytes'] / 1e6:.3f} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measures every setup, and prints the table."""
    options = parser(__doc__)
    options.add_argument("--model", default="cafct_net")
    options.add_argument("--preset", default="small")
    options.add_argument("--precision", default="float32")
    options.add_argument("--batch-size", type=int, default=8, help="of all devices together, a multiple of 4")
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--slices", type=int, default=160)
    options.add_argument("--rounds", type=int, default=1, help="measurements of each setup, in turns")
    options.add_argument("--module", action="append", default=[], help="imported first; it may register a network")
    given = options.parse_args(arguments)
    names = ("model", "preset", "precision", "batch_size", "size", "slices")
    chosen = {name: getattr(given, name) for name in names}
    campaign = Campaign(given.out, seconds=given.seconds)
    for turn in range(given.rounds):
        for processes, devices in SETUPS:
            name = f"{processes} x {devices}, round {turn + 1}"
            campaign.measure(name, lambda p=processes, d=devices: measure(p, d, given.module, chosen))
    campaign.close()
    if any(result.get("setup") == [1, 1] for result in campaign.results.values()):
        print(table(campaign.results))


if __name__ == "__main__":
    main()
