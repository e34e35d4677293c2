"""How fast data come: reading a source, and streaming its slices."""

import time

from pipelines.augmentation import Augmentation
from pipelines.slices import load_slices
from pipelines.sources import open_source
from pipelines.stream import training_stream

# Everything at once: the most that the stream can be asked for.
FULL = Augmentation(
    flip=True, quarter_turns=True, rotation=10, scale=0.1, shift=0.05, brightness=0.05, contrast=0.1, noise=0.02
)
WARM_UP = 8  # batches


def measure(data, *, layout=None, target="lesion", size=256, batch_size=8, augment=False, seconds=10.0) -> dict:
    """Times a data folder from its files to the batches that training takes.

    Args:
        data: `"phantom"` or a folder, see `open_source`.
        layout: of the folder; None to find out.
        target: `"liver"`, `"lesion"` or `"both"`.
        size: height and width in pixels.
        batch_size: slices in a batch.
        augment: whether every augmentation is on.
        seconds: how long to stream.

    Returns:
        A dictionary: `read_slices_per_second` (opening, reading, decoding, windowing and resizing everything, once a
        run), `slices_per_second` (order, augmentation and batching, every epoch), `slices`, and the options.

    Raises:
        DataError: as for `open_source` and `load_slices`.
    """
    start = time.perf_counter()
    source = open_source(data, layout=layout, target=target, size=size)
    parts = load_slices(source, target=target, size=size)
    reading = time.perf_counter() - start
    count = sum(len(part.names) for part in parts.values())
    train = parts["train"]
    stream = training_stream(
        train, batch_size=batch_size, steps=10**9, seed=0, augmentation=FULL if augment else None
    ).as_numpy_iterator()
    for _ in range(WARM_UP):
        next(stream)
    start, batches = time.perf_counter(), 0
    while (passed := time.perf_counter() - start) < seconds:
        next(stream)
        batches += 1
    return {
        "task": "data",
        "data": str(data),
        "layout": source.layout,
        "slices": count,
        "read_slices_per_second": round(count / reading, 1),
        "slices_per_second": round(batches * batch_size / passed, 1),
        "size": size,
        "batch_size": batch_size,
        "augment": augment,
    }


def table(report: dict) -> str:
    """The figures of a report, one a line, in words."""
    augmented = "all augmentation" if report["augment"] else "no augmentation"
    return (
        f"{report['data']} ({report['layout']}), {report['slices']} slices at {report['size']}x{report['size']}\n"
        f"reading    {report['read_slices_per_second']:,.0f} slices a second, once a run\n"
        f"streaming  {report['slices_per_second']:,.0f} slices a second, batch {report['batch_size']}, {augmented}"
    )
