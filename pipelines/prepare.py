"""Preparing a data folder once, so that every run after starts at once."""

import json
from pathlib import Path

from pipelines.case import Source
from pipelines.errors import DataError

# The only one of TFDS's formats that both tf.data and a data source without TensorFlow read.
FILE_FORMAT = "parquet"


def prepare(
    source: Source, out: str | Path, *, size: int = 256, window: tuple[float, float] | None = (-200.0, 250.0)
) -> Path:
    """Writes a source as the TFDS dataset `lits_slices/LAYOUT`.

    A run that is cut off leaves nothing that could be taken for a dataset; the same call again starts over, and does
    nothing where all is done.

    Args:
        source: what to write.
        out: TFDS data folder; `tfds.load("lits_slices/LAYOUT", data_dir=out)` reads it.
        size: height and width in pixels.
        window: Hounsfield units kept as 0 and as 255; None keeps Hounsfield units.

    Returns:
        The folder of the dataset, which `fit --data` takes too.

    Raises:
        DataError: `out` holds another dataset of that layout.
    """
    import tensorflow_datasets as tfds

    from pipelines.tfds.lits_slices import LitsSlices, LitsSlicesConfig

    config = LitsSlicesConfig(name=source.layout, source=source, size=size, window=window)
    builder = LitsSlices(config=config, data_dir=str(out), file_format=FILE_FORMAT)
    folder = Path(builder.data_dir)
    wanted = {"fingerprint": source.fingerprint(), "size": size, "window": None if window is None else list(window)}
    note = folder / "source.json"
    if folder.exists():
        if not note.is_file() or json.loads(note.read_text()) != wanted:
            raise DataError(f"{folder}: holds another dataset; give another --out or remove it")
        return folder
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(compute_stats=tfds.download.ComputeStatsMode.SKIP)
    )
    note.write_text(json.dumps(wanted) + "\n")
    return folder
