"""Preparing a data folder once, so that every run after starts at once."""

import hashlib
import importlib.util
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipelines.case import Source
from pipelines.errors import DataError
from pipelines.layouts.prepared.reader import Prepared

# The only one of TFDS's formats that both tf.data and a data source without TensorFlow read.
FILE_FORMAT = "parquet"


def prepare(
    source: Source,
    out: str | Path,
    *,
    size: int = 256,
    window: tuple[float, float] | None = (-200.0, 250.0),
    beam_options: Sequence[str] | None = None,
) -> Path:
    """Writes a source as the TFDS dataset `lits_slices/LAYOUT`.

    A run that is cut off leaves nothing that could be taken for a dataset; the same call again goes on after the cases
    that were finished, and does nothing where all is done.

    Args:
        source: what to write.
        out: TFDS data folder; `tfds.load("lits_slices/LAYOUT", data_dir=out)` reads it.
        size: height and width in pixels.
        window: Hounsfield units kept as 0 and as 255; None keeps Hounsfield units.
        beam_options: run on Apache Beam with these of its pipeline options, as `"runner=FlinkRunner"` or
            `"streaming"`; workers read the source and write `out` where this process does. None for the threads of
            this process. On Beam a run that is cut off starts over.

    Returns:
        The folder of the dataset, which `fit --data` takes too.

    Raises:
        DataError: `out` holds another dataset of that layout, the source is a prepared dataset itself, or Beam is
            wanted and not there.
    """
    if isinstance(source, Prepared):
        raise DataError(f"{source.layout}: is a prepared dataset already; give the folder that it was made from")
    import tensorflow_datasets as tfds

    chosen = {} if beam_options is None else {"beam_options": _pipeline_options(beam_options)}
    download = tfds.download.DownloadConfig(compute_stats=tfds.download.ComputeStatsMode.SKIP, **chosen)

    from pipelines.tfds.lits_slices import LitsSlices, LitsSlicesConfig

    wanted = {"fingerprint": source.fingerprint(), "size": size, "window": None if window is None else list(window)}
    # Named after what is in it, so that cases of another size or of changed data are never taken for these.
    done = Path(out) / f".{source.layout}-{hashlib.sha256(json.dumps(wanted).encode()).hexdigest()[:16]}"
    config = LitsSlicesConfig(
        name=source.layout,
        source=source,
        size=size,
        window=window,
        done=done if beam_options is None else None,
        beam=beam_options is not None,
    )
    builder = LitsSlices(config=config, data_dir=str(out), file_format=FILE_FORMAT)
    folder = Path(builder.data_dir)
    if folder.exists():
        there = tfds.builder_from_directory(str(folder)).info.metadata or {}
        if {name: there.get(name) for name in wanted} != wanted:
            raise DataError(f"{folder}: holds another dataset; give another --out or remove it")
        return folder
    done.mkdir(parents=True, exist_ok=True)
    builder.download_and_prepare(download_dir=str(done / "downloads"), download_config=download)
    shutil.rmtree(done)
    return folder


def _pipeline_options(beam_options: Sequence[str]):
    if importlib.util.find_spec("apache_beam") is None:
        raise DataError("--beam-option: Apache Beam is not installed; pip install 'cafct-keras[beam]'")
    from apache_beam.options.pipeline_options import PipelineOptions

    return PipelineOptions([f"--{option}" for option in beam_options])
