"""Throughput of the data pipeline: from files to slices, and from slices to batches."""

import time
from pathlib import Path
from typing import Any

from pipelines.errors import DataError
from pipelines.layouts import open_source
from pipelines.layouts.prepared.reader import Prepared
from pipelines.loading.augmentation import Augmentation
from pipelines.loading.cache import CACHES
from pipelines.loading.slices import load_slices
from pipelines.loading.stream import training_stream
from pipelines.preprocessing import LARGEST

# Everything at once: the most expensive stream.
FULL = Augmentation(
    flip=True, quarter_turns=True, rotation=10, scale=0.1, shift=0.05, brightness=0.05, contrast=0.1, noise=0.02
)
TARGETS = ("lesion", "liver", "both")
WARM_UP = 64  # batches, to fill the prefetch buffers
SECONDS = 10.0  # of streaming


def measure(
    data: str | Path,
    *,
    layout: str | None = None,
    target: str = "lesion",
    size: int = 256,
    batch_size: int = 8,
    cache: str = "ram",
    augment: bool = False,
) -> dict[str, Any]:
    """Times a data folder from its files to training batches, after packages are imported and one case has been read.

    Args:
        data: `"phantom"` or a folder, see `open_source`.
        layout: of the folder; None to detect it.
        target: `"liver"`, `"lesion"` or `"both"`.
        size: height and width in pixels.
        batch_size: slices per batch.
        cache: `"ram"`, `"none"` or `"disk"`, see `load_slices`.
        augment: whether to apply all augmentations.

    Returns:
        The options, `layout`, `slices`, and in slices per second:

        * `read_slices_per_second`: reading, decoding, windowing and resizing all slices, once per run;
        * `stream_slices_per_second`: gathering, augmenting and batching training slices, in every epoch;
        * `read_and_stream_slices_per_second`: both in sequence, as if nothing were cached between epochs.

    Raises:
        DataError: see `open_source` and `load_slices`.
    """
    for name, value, known in (("target", target, TARGETS), ("cache", cache, CACHES)):
        if value not in known:
            raise DataError(f"`{name}` {value}: unknown; choose {', '.join(known)}")
    if not 32 <= size <= LARGEST["size"]:
        raise DataError(f"`size` {size}: give 32 to {LARGEST['size']} pixels")
    source = open_source(data, layout=layout, target=target, size=size)
    next(source.cases())
    start = time.perf_counter()
    parts = load_slices(source, target=target, size=size, cache=cache)
    reading = time.perf_counter() - start
    count = sum(len(part.names) for part in parts.values())
    stream = training_stream(
        parts["train"], batch_size=batch_size, steps=10**9, seed=0, augmentation=FULL if augment else None
    ).as_numpy_iterator()
    for _ in range(WARM_UP):
        next(stream)
    start, batches = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < SECONDS:
        next(stream)
        batches += 1
    streaming = elapsed / (batches * batch_size)
    return {
        "task": "data",
        "data": str(data),
        "layout": f"prepared {source.layout}" if isinstance(source, Prepared) else source.layout,
        "slices": count,
        "read_slices_per_second": round(count / reading, 1),
        "stream_slices_per_second": round(1 / streaming, 1),
        "read_and_stream_slices_per_second": round(1 / (reading / count + streaming), 1),
        "target": target,
        "size": size,
        "batch_size": batch_size,
        "cache": cache,
        "augment": augment,
    }


def table(report: dict[str, Any]) -> str:
    """A report as text, one figure per line."""
    augmented = "all augmentation" if report["augment"] else "no augmentation"
    return (
        f"{report['data']} ({report['layout']}), {report['slices']:,} slices at {report['size']}x{report['size']}\n"
        f"reading    {report['read_slices_per_second']:,.0f} slices per second, decoded and resized, once per run\n"
        f"streaming  {report['stream_slices_per_second']:,.0f} slices per second, batch {report['batch_size']}, "
        f"{augmented}, cache {report['cache']}, every epoch\n"
        f"both       {report['read_and_stream_slices_per_second']:,.0f} slices per second"
    )
