"""Documents about all cases of a job."""

import json
from typing import Any

from cafct_keras.measurement import Measurements, write_measurements
from cafct_keras.prediction.job.cases import PAGES
from cafct_keras.prediction.job.options import PredictOptions
from cafct_keras.prediction.job.results import Results
from cafct_keras.prediction.segmenter import Segmenter
from cafct_keras.runtime.versions import versions
from pipelines.atomic import atomic_write_text
from pipelines.masks.folders import PREDICT_FILE
from pipelines.scans import FoundScans

DOCUMENT, PAGE = PREDICT_FILE, "cases.html"
FORMAT = 1  # of the document; incremented when a program that reads it would have to change


def write_documents(
    results: Results, found: FoundScans, segmenter: Segmenter, options: PredictOptions
) -> dict[str, Any]:
    """Writes `predict.json`, and the measurements and the page where they are wanted.

    They are about all cases in the output folder, so that the last of several parts leaves what one job would have.

    Returns:
        `predict.json`.
    """
    with results.writing(), results.alone():
        results.remove_former()
        records = [record for record in results.records() if record.settings == results.settings]
        done = [record for record in records if record.failure is None]
        if options.measurements:
            measured = {
                record.name: Measurements.from_dict(record.measurements) for record in done if record.measurements
            }
            write_measurements(measured, results.out)
        if options.page:
            from cafct_keras.prediction.page import write_cases_page

            pages = [results.out / PAGES / f"{record.name}.html" for record in done]
            write_cases_page([page for page in pages if page.is_file()], results.out / PAGE)
        document = {
            "format": FORMAT,
            "settings": results.settings,
            "targets": list(segmenter.targets),
            "labels": segmenter.labels_of,
            "notes": [*found.notes, *segmenter.notes],
            "versions": versions(),
            "cases": [
                {
                    "name": record.name,
                    "input": record.input,
                    "fingerprint": record.fingerprint,
                    "files": list(record.files),
                    **record.case,
                }
                for record in done
            ],
            "failures": [
                *found.failures,
                *({"case": record.name, "message": record.failure} for record in records if record.failure is not None),
            ],
        }
        atomic_write_text(results.out / DOCUMENT, json.dumps(document, indent=1, allow_nan=False) + "\n")
    return document
