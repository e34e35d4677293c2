"""Segmentation of scans on Apache Beam."""

import dataclasses
from collections.abc import Iterator, Sequence

from cafct_keras.errors import UserError
from cafct_keras.prediction.job.cases import segment_scans
from cafct_keras.prediction.job.options import PredictOptions
from cafct_keras.prediction.job.results import Results
from cafct_keras.prediction.segmenter import Segmenter
from pipelines.beam import pipeline_options
from pipelines.errors import DataError
from pipelines.optional import optional
from pipelines.scans import Scan

with optional("`beam_options`", extra="beam"):
    import apache_beam as beam


def segment_on_beam(scans: Sequence[Scan], options: PredictOptions, results: Results) -> None:
    """Segments scans on Beam's workers, which write the files.

    Args:
        scans: to be segmented.
        options: of the job, with `beam_options`.
        results: where to write; the workers see the same folder.

    Raises:
        DataError: a scan cannot be segmented, unless `keep_going`; the others are finished all the same.
        UserError: the pipeline failed.
    """
    work = SegmentScans(dataclasses.replace(options, keep_going=True), results)
    try:
        with beam.Pipeline(options=pipeline_options(options.beam_options or ())) as pipeline:
            _ = pipeline | beam.Create(list(scans)) | "Spread" >> beam.Reshuffle() | "Segment" >> beam.ParDo(work)
    except Exception as error:  # runners wrap what a worker raised in errors of their own, with its traceback as text
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise UserError(f"`beam_options`: the pipeline failed ({lines[-1]})") from error
    if not options.keep_going:
        names = {scan.name for scan in scans}
        for record in results.records():
            if record.name in names and record.failure is not None:
                raise DataError(record.failure)


class SegmentScans(beam.DoFn):
    """Segments scans on a worker, which loads the networks once.

    Args:
        options: of the job.
        results: where to write.
    """

    def __init__(self, options: PredictOptions, results: Results):
        self._options, self._results = options, results

    def setup(self) -> None:
        """Opens the runs."""
        self._segmenter: Segmenter = self._options.segmenter()

    def process(self, scan: Scan) -> Iterator[str]:
        """Segments a scan and writes its files."""
        yield from segment_scans([scan], self._segmenter, self._options, self._results)
