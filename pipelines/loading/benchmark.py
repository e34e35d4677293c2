"""How fast data come: from a source's files to slices, and from slices to batches."""

import time

from pipelines.layouts import open_source
from pipelines.layouts.prepared.reader import Prepared
from pipelines.loading.augmentation import Augmentation
from pipelines.loading.slices import load_slices
from pipelines.loading.stream import training_stream

# Everything at once: the most that the stream can be asked for.
FULL = Augmentation(
    flip=True, quarter_turns=True, rotation=10, scale=0.1, shift=0.05, brightness=0.05, contrast=0.1, noise=0.02
)
WARM_UP = 64  # batches, in which tf.data finds out how many to make at a time
SECONDS = 10.0  # of streaming


def measure(data, *, layout=None, target="lesion", size=256, batch_size=8, cache="ram", augment=False) -> dict:
    """Times a data folder from its files to the batches that training takes, packages loaded and one case read before.

    Args:
        data: `"phantom"` or a folder, see `open_source`.
        layout: of the folder; None to find out.
        target: `"liver"`, `"lesion"` or `"both"`.
        size: height and width in pixels.
        batch_size: slices in a batch.
        cache: `"ram"` or `"none"`, see `load_slices`.
        augment: whether every augmentation is on.

    Returns:
        A dictionary of the options, `layout`, `slices`, and as slices a second:

        * `read_slices_per_second`: reading, decoding, windowing and resizing all slices, which happens once a run;
        * `stream_slices_per_second`: gathering, augmenting and batching training slices, which happens every epoch;
        * `read_and_stream_slices_per_second`: both, one after the other, as if nothing were kept between epochs.

    Raises:
        DataError: as for `open_source` and `load_slices`.
    """
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
    while (passed := time.perf_counter() - start) < SECONDS:
        next(stream)
        batches += 1
    streaming = passed / (batches * batch_size)
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


def table(report: dict) -> str:
    """The figures of a report, one a line, in words."""
    augmented = "all augmentation" if report["augment"] else "no augmentation"
    return (
        f"{report['data']} ({report['layout']}), {report['slices']:,} slices at {report['size']}x{report['size']}\n"
        f"reading    {report['read_slices_per_second']:,.0f} slices a second, decoded and resized, once a run\n"
        f"streaming  {report['stream_slices_per_second']:,.0f} slices a second, batch {report['batch_size']}, "
        f"{augmented}, cache {report['cache']}, every epoch\n"
        f"both       {report['read_and_stream_slices_per_second']:,.0f} slices a second"
    )
