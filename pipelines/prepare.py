"""Preparation: a data folder is decoded and resized once, so that later runs start at once."""

import contextlib
import hashlib
import io
import json
import math
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.atomic import atomic_write_text
from pipelines.beam import pipeline_options
from pipelines.case import Source
from pipelines.checksums import SUMS_FILE, sums
from pipelines.errors import DataError
from pipelines.layouts.prepared.reader import Prepared, damage_as_data_error
from pipelines.places import require_place
from pipelines.preprocessing import LARGEST
from pipelines.temporary import sole_writer

# The only format of TFDS that both tf.data and a data source without TensorFlow can read.
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

    An interrupted call leaves nothing that could be mistaken for a dataset. The same call resumes after the cases that
    were finished, and does nothing if the dataset is complete.

    Args:
        source: the reader of the data to write.
        out: TFDS data folder; `tfds.load("lits_slices/LAYOUT", data_dir=out)` reads it.
        size: height and width in pixels.
        window: Hounsfield units mapped to 0 and 255; None to keep Hounsfield units.
        beam_options: pipeline options of Apache Beam to run on it, such as `"runner=FlinkRunner"` or `"streaming"`;
            its workers read the source and write `out` under the paths of this process. None to use threads of this
            process. On Beam an interrupted call starts over.

    Returns:
        The folder of the dataset, which can be opened like any other data folder.

    Raises:
        DataError: an argument is out of range, `out` cannot be created or holds another dataset of that layout, or the
            source is a prepared dataset itself.
        MissingPackageError: Beam is not installed.
    """
    check_form(out, size=size, window=window)
    if isinstance(source, Prepared):
        raise DataError(f"{source.layout}: a prepared dataset already; give the folder it was made from")
    import tensorflow_datasets as tfds

    chosen = {} if beam_options is None else {"beam_options": pipeline_options(beam_options)}
    download = tfds.download.DownloadConfig(compute_stats=tfds.download.ComputeStatsMode.SKIP, **chosen)

    from pipelines.tfds.lits_slices import LitsSlices, LitsSlicesConfig

    wanted = {"fingerprint": source.fingerprint(), "size": size, "window": None if window is None else list(window)}
    wanted |= {"reading": dict(source.reading)} if source.reading else {}
    # Named after its contents, so that cases of another size, version or of changed data are never mistaken for these.
    contents = json.dumps([str(LitsSlices.VERSION), wanted])
    finished = Path(out) / f".{source.layout}-{hashlib.sha256(contents.encode()).hexdigest()[:16]}"
    config = LitsSlicesConfig(
        name=source.layout,
        source=source,
        size=size,
        window=window,
        finished=finished if beam_options is None else None,
        beam=beam_options is not None,
    )
    builder = LitsSlices(config=config, data_dir=str(finished), file_format=FILE_FORMAT)
    written = Path(builder.data_dir)
    folder = Path(out, *written.parts[-3:])  # name, config and version
    if folder.exists():
        with damage_as_data_error(folder):
            existing = tfds.builder_from_directory(str(folder)).info.metadata or {}
        if {name: existing.get(name) for name in wanted} != wanted:
            raise DataError(f"`out`: {folder} holds another dataset; give another folder or remove it")
        shutil.rmtree(finished, ignore_errors=True)  # of a process that was killed at its end
        return folder
    for each in (finished, folder.parent):
        each.mkdir(parents=True, exist_ok=True)
    with sole_writer(folder.parent) as alone:
        if alone:
            for left in written.parent.glob(f"incomplete.*_{folder.name}"):  # of a process that was killed
                shutil.rmtree(left)
        if not sys.stderr.isatty():
            tfds.disable_progress_bar()
        with contextlib.redirect_stdout(io.StringIO()):  # where TFDS announces what it does
            builder.download_and_prepare(download_dir=str(finished / "downloads"), download_config=download)
        # Parquet files do not tell whether their pixels are damaged.
        atomic_write_text(written / SUMS_FILE, sums(written))
        written.rename(folder)
    shutil.rmtree(finished)
    return folder


def check_form(out: str | Path, *, size: int, window: tuple[float, float] | None) -> None:
    """Checks what can be checked before a folder is opened; see `prepare`.

    Raises:
        DataError: an argument is out of range, or `out` cannot be created.
    """
    require_place(out, folder=True, utf8=True)
    if not 32 <= size <= LARGEST["size"]:
        raise DataError(f"`size` {size}: give 32 to {LARGEST['size']} pixels")
    if window is not None and not -math.inf < window[0] < window[1] < math.inf:
        raise DataError(f"`window` {window[0]:g} {window[1]:g}: give a lower and a higher number of HU")
