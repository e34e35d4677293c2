"""Segmentation of many scans."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from cafct_keras.prediction.job.cases import formats_of, segment_scans
from cafct_keras.prediction.job.documents import DOCUMENT, write_documents
from cafct_keras.prediction.job.options import PredictOptions
from cafct_keras.prediction.job.results import Results
from cafct_keras.runtime.console import make_console
from cafct_keras.runtime.progress import CaseProgress
from pipelines.findings import listed
from pipelines.optional import optional
from pipelines.places import require_place
from pipelines.scans import find_scans
from pipelines.scans.writers import check_format

_MOST = 8  # warnings that are printed


def predict(options: PredictOptions, *, console: Console | None = None, quiet: bool = False) -> dict[str, Any]:
    """Segments scans and writes what was asked for.

    A case is finished when its record says so; the same job, called again, leaves finished cases as they are and does
    the others. What it writes depends on the scans and the options alone, not on how often it was interrupted.

    Args:
        options: what to do.
        console: where to report to; None for the standard output.
        quiet: plain lines even on a terminal.

    Returns:
        `predict.json`.

    Raises:
        UserError, DataError: an option, a run or, unless `keep_going`, a scan is invalid.
    """
    console = console or make_console()
    # Imported here so that a missing package is reported before anything is read.
    on_beam = importlib.import_module("cafct_keras.prediction.job.on_beam") if options.beam_options else None
    if options.page or options.preview:
        with optional("`page` and `preview`", extra="report"):
            importlib.import_module("cafct_keras.prediction.page")
    require_place(options.out, folder=True)
    found = find_scans(options.inputs, keep_going=options.keep_going, **options.reading)
    scans = options.part.of(found.scans) if options.part else found.scans
    if not options.keep_going:
        for scan in scans:
            for name in formats_of(scan, options):
                check_format(scan, name)
    segmenter = options.segmenter()
    doubts = list(_warnings([{"name": scan.name, "warnings": scan.doubts} for scan in scans]))
    for note in (*found.notes, *segmenter.notes, *doubts[:_MOST]):
        console.print(note, highlight=False, markup=False, soft_wrap=True)
    settings = {**segmenter.settings, **options.outputs}
    results = Results(options.out, settings, shared=options.part is not None)
    with results.opened():
        pending = results.unfinished(scans, overwrite=options.overwrite)
        if len(pending) < len(scans):
            console.print(f"{len(scans) - len(pending)} of {len(scans)} scans are finished already")
        if on_beam is not None:
            on_beam.segment_on_beam(pending, options, results)
        else:
            with CaseProgress(total=len(pending), what="segmenting", console=console, quiet=quiet) as progress:
                for _ in segment_scans(pending, segmenter, options, results, on_progress=progress.advance):
                    progress.finish()
        document = write_documents(results, found, segmenter, options)
    warnings = [line for line in _warnings(document["cases"]) if line not in doubts[:_MOST]]
    if len(warnings) > _MOST:
        warnings[_MOST:] = [f"warning: {len(warnings) - _MOST} more, see {DOCUMENT}"]
    for line in warnings:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return document


def _warnings(cases: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yields a line for each warning, with the cases that it is about."""
    about: dict[str, list[str]] = {}
    for case in cases:
        for warning in case["warnings"]:
            about.setdefault(warning, []).append(case["name"])
    return (f"warning: {listed(names)}: {warning}" for warning, names in about.items())
