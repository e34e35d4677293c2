"""Segmentation of scans, one after the other, and the files of each."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from cafct_keras.prediction.job.options import PredictOptions
from cafct_keras.prediction.job.results import Results
from cafct_keras.prediction.segmentation import Segmentation
from cafct_keras.prediction.segmenter import Segmenter
from pipelines.errors import DataError
from pipelines.scans import Scan
from pipelines.scans.writers import default_format, write_mask, write_probability

PAGES = "pages"  # folder in the output folder


def segment_scans(
    scans: Iterable[Scan],
    segmenter: Segmenter,
    options: PredictOptions,
    results: Results,
    *,
    on_progress: Callable[[float], None] | None = None,
) -> Iterator[str]:
    """Segments scans and writes each while the next is predicted.

    Args:
        scans: to be segmented.
        segmenter: what segments them.
        options: which files.
        results: where to write.
        on_progress: see `Segmenter.segment`.

    Yields:
        The names of those that are finished, in order, and then of those that failed.

    Raises:
        DataError: a scan cannot be segmented, unless `keep_going`.
    """
    scans, window = list(scans), segmenter.window
    failures: list[dict[str, str]] | None = [] if options.keep_going else None
    # Closed, so that an interruption here ends the threads that read and predict.
    with contextlib.closing(segmenter.segment(scans, failures=failures, on_progress=on_progress)) as segmentations:
        for segmentation in segmentations:
            try:
                write_case(segmentation, options, results, window=window)
            except DataError as error:
                if failures is None:
                    raise
                failures.append({"case": segmentation.name, "message": str(error)})
                continue
            yield segmentation.name
    paths = {scan.name: str(scan.path) for scan in scans}
    for failure in failures or ():
        results.fail(failure["case"], paths[failure["case"]], failure["message"])
        yield failure["case"]


def formats_of(scan: Scan, options: PredictOptions) -> Sequence[str]:
    """The formats that a scan's mask is written in."""
    return options.formats or (default_format(scan),)


def write_case(
    segmentation: Segmentation, options: PredictOptions, results: Results, *, window: tuple[float, float]
) -> None:
    """Writes the files of a case.

    Args:
        segmentation: the case.
        options: which files.
        results: where to write.
        window: Hounsfield units shown as black and white.
    """
    scan, case = segmentation.scan, segmentation.case
    formats = formats_of(scan, options)
    with results.writing(), results.case(scan) as (files, details):

        def place(folder: str, ending: str) -> Path:
            (files / folder).mkdir(exist_ok=True)
            return files / folder / f"{scan.name}{ending}"

        for name in formats:
            write_mask(
                segmentation.labels,
                files / scan.name,
                scan=scan,
                case=case,
                file_format=name,
                labels_of=segmentation.labels_of,
                algorithm=segmentation.algorithm,
            )
        if options.probability:
            for target, probability in segmentation.probability.items():
                path = place("probabilities", f"_{target}")
                write_probability(probability, path, scan=scan, case=case, file_format=formats[0])
        if options.preview or options.page:
            from cafct_keras.prediction import page

            view = page.ScanView(
                name=scan.name,
                case=case,
                masks=segmentation.masks,
                measurements=segmentation.measurements,
                window=window,
                orientation=scan.orientation,
                warnings=segmentation.warnings,
            )
            if options.preview:
                page.write_preview(view, place("previews", ".png"))
            if options.page:
                page.write_case_page(view, place(PAGES, ".html"))
        if options.measurements:
            details["measurements"] = dataclasses.asdict(segmentation.measurements)
        details["case"] = {
            "format": scan.format,
            "shape": list(case.images.shape),
            "spacing": case.spacing and list(case.spacing),
            "engine": segmentation.engine,
            "warnings": list(segmentation.warnings),
        }
