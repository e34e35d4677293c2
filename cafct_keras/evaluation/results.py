"""What `evaluation.json` holds, and so what the report and the console show.

    format          1; more whenever an older reader would misread it
    title           str
    created         UTC, ISO 8601
    command         str, the command line
    versions        package to version
    data            layout, split (both str or None), and what else is known of the data: `folder`, `fingerprint`,
                    `intensity`, `targets`, `size`, `window`, `context`, or `prediction`, `reference` and `labels` of
                    two folders of masks; `notes` and `warnings`, lists of lines
    threshold       None for masks, else `value` (0 to 1, a pixel is foreground above it), `chosen_on` ("given" or
                    "validation"), `rule` (None, or by which it was chosen)
    results         one or two of
                        name             "as predicted" or "post-processed"
                        postprocessing   None, or `largest_liver`, `lesions_inside_liver` (bool), `smallest_lesion` and
                                         its `unit` ("mm3"; "mm2" for loose slices, "pixels" without spacing),
                                         `chosen_on`, `rule`
                        summary          see `summarize`: every figure with its units, interval and predict-nothing
                        cases            see `case_rows`
    calibration     None for masks, else target to
                        reliability      `edges`, `pixels`, `confidence`, `frequency`: lists, see `Reliability`
                        expected_error   float or None
                        sweep            `thresholds`, `per_slice_positive_dice`, `pooled_dice`, `pooled_iou`: lists
    paper           None, or rows of Tables 2 to 4: `table`, `system`, `target`, `iou`, `dice` (per cent), `rules` (that
                    could have produced it); and then `paper_note`, str
    failures        list of `case` and `message`: what could not be scored
    run             None, or the run card, `run.json`
    comparison      None, or `runs` (the names of the first run, a, and of this one, b), `result` (the name of what is
                    compared) and what `compare` returns

What cannot be said is null; nothing is NaN.
"""

import dataclasses
import datetime as dt
import math
import shlex
import sys
from collections.abc import Sequence

from cafct_keras.errors import UserError
from cafct_keras.evaluation.accumulator import Gathering
from cafct_keras.evaluation.metrics.calibration import RULES, Calibration
from cafct_keras.evaluation.metrics.scores import CaseScore
from cafct_keras.evaluation.report import Picture
from cafct_keras.evaluation.summary import summarize
from cafct_keras.evaluation.tables import case_rows
from cafct_keras.runtime.versions import versions

FORMAT = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A finished evaluation.

    Attributes:
        name: short, such as a run folder's.
        document: as this module's docstring says.
        scores: name of each result to its cases.
        pictures: for the report.
    """

    name: str
    document: dict
    scores: dict[str, list[CaseScore]]
    pictures: list[Picture]


def make_evaluation(
    gathering: Gathering,
    *,
    name: str,
    title: str,
    data: dict,
    seed: int,
    failures: Sequence[dict] = (),
    threshold: dict | None = None,
    chosen: dict | None = None,
    run: dict | None = None,
) -> Evaluation:
    """Sums up what was gathered.

    Args:
        gathering: of all cases.
        name: of the evaluation.
        title: of its report.
        data: of the document, likewise the arguments that follow.
        seed: of the bootstrap.
        failures: of the document.
        threshold: of the document.
        chosen: `chosen_on` and `rule` of the post-processing.
        run: of the document.

    Raises:
        UserError: no case was scored.
    """
    from cafct_keras.reproduction import paper

    results = gathering.results
    if not results[0][2]:
        reason = failures[0]["message"] if failures else f"{data['layout']}: no cases; give others"
        raise UserError(f"nothing could be scored: {reason}")
    summaries = {name: summarize(cases, seed=seed) for name, _, cases in results}
    targets = list(summaries[results[0][0]]["targets"])
    printed = paper.printed_for(targets) if data["layout"] == "lits_png" else None
    document = {
        "format": FORMAT,
        "title": title,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["cafct-keras", *sys.argv[1:]]),
        "versions": versions(),
        "data": data,
        "threshold": threshold,
        "results": [
            {
                "name": name,
                "postprocessing": steps and {**dataclasses.asdict(steps), "unit": _unit(cases[0]), **(chosen or {})},
                "summary": summaries[name],
                "cases": case_rows(cases),
            }
            for name, steps, cases in results
        ],
        "calibration": gathering.calibrations
        and {target: _calibration(each) for target, each in gathering.calibrations.items()},
        "paper": printed,
        **({"paper_note": paper.NOTE} if printed else {}),
        "failures": list(failures),
        "run": run,
        "comparison": None,
    }
    return Evaluation(
        name=name,
        document=document,
        scores={name: cases for name, _, cases in results},
        pictures=gathering.pictures,
    )


def _unit(case: CaseScore) -> str:
    """In which the smallest lesion is given."""
    return "pixels" if case.spacing is None else "mm3" if case.contiguous else "mm2"


def _calibration(calibration: Calibration) -> dict:
    reliability, sweep = calibration.reliability(), calibration.sweep()
    return {
        "reliability": {name: _listed(values) for name, values in vars(reliability).items()},
        "expected_error": reliability.expected_error,
        "sweep": {name: _listed(getattr(sweep, name)) for name in ("thresholds", *RULES)},
    }


def _listed(values) -> list:
    return [None if math.isnan(value) else value for value in values.tolist()]
