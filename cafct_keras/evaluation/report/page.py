"""Writing of the page."""

import json
import pathlib
from collections.abc import Sequence

import jinja2
import markupsafe

from cafct_keras.evaluation.excerpt import connectivity, how_scored
from cafct_keras.evaluation.metrics.overlap import MEASURES, RULES
from cafct_keras.evaluation.metrics.surface import is_distance
from cafct_keras.evaluation.report.absent import left_out
from cafct_keras.evaluation.report.agreement_charts import burden_agreement, volume_agreement
from cafct_keras.evaluation.report.calibration_charts import reliability, threshold_sweep
from cafct_keras.evaluation.report.chart import page_id
from cafct_keras.evaluation.report.comparison_charts import overlap_differences
from cafct_keras.evaluation.report.overlap_charts import dice_by_rule, dice_by_size, dice_of_cases
from cafct_keras.evaluation.report.picture import Picture
from cafct_keras.pages.environment import environment
from pipelines.atomic import atomic_write_text


def write_report(document: dict, pictures: Sequence[Picture], path: str | pathlib.Path) -> None:
    """Writes one self-contained HTML file, without network access or scripts.

    Args:
        document: what `evaluation.json` holds, see `Document`. Values that are None or NaN are dashes.
        pictures: slices to show, those of one kind in the order given.
        path: of the file, which is replaced if it exists.
    """
    page = (
        report_environment()
        .get_template("page.html")
        .render(
            document=document,
            pictures=pictures,
            paper=_paper_tables(document),
            left_out=left_out(document, pictures),
        )
    )
    atomic_write_text(path, page)


def _paper_tables(document: dict) -> list[dict]:
    """The paper's rows by table and target, for targets that are scored.

    `rules` maps the rules that may have produced some of them to the systems whose rows they cannot have produced.
    """
    tables: dict[tuple[int, str], list[dict]] = {}
    for row in document["paper"] or ():
        if row["target"] in document["results"][0]["summary"]["targets"]:
            tables.setdefault((row["table"], row["target"]), []).append(row)
    return [
        {
            "table": table,
            "target": target,
            "rows": rows,
            "rules": {
                rule: [row["system"] for row in rows if rule not in row["rules"]]
                for rule in RULES
                if any(rule in row["rules"] for row in rows)
            },
        }
        for (table, target), rows in tables.items()
    ]


_MEANINGS = {
    "hd": "longest distance of both directions (Hausdorff)",
    "hd95": "larger of the two directions' 95th percentiles",
    "assd": "mean of all distances of both directions",
    "rmsd": "root of the mean of their squares",
    "nsd": "fraction of both surfaces within the tolerance",
    "surfel_nsd": "the same by the surfels' area",
    "boundary_iou": "IoU of bands along the contours",
}


def _meaning(measure: str) -> markupsafe.Markup:
    """Name and meaning of a measure of surfaces."""
    meaning = max((kind for kind in _MEANINGS if measure.startswith(kind)), key=len)
    name = markupsafe.Markup("_<wbr>").join(measure.split("_"))
    return markupsafe.Markup("<code>{}</code><small>{}</small>").format(name, _MEANINGS[meaning])


def _code(text: str) -> markupsafe.Markup:
    """Text whose backticks mark names."""
    parts = [markupsafe.escape(part) for part in text.split("`")]
    marked = (markupsafe.Markup("<code>{}</code>").format(part) if i % 2 else part for i, part in enumerate(parts))
    return markupsafe.Markup("").join(marked)


def report_environment() -> jinja2.Environment:
    """Templates of the reports, with the filters and charts that they use."""
    reports = environment(__package__)
    reports.filters |= {
        "breakable": lambda name: markupsafe.Markup("_<wbr>").join(name.split("_")),
        "pretty": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
        "meaning": _meaning,
        "code": _code,
        "id": page_id,
    }
    reports.tests |= {"distance": is_distance}
    reports.globals |= {
        "BASELINES": ("predict_nothing", "predict_everything"),
        "MEASURES": MEASURES,
        "RULES": RULES,
        "burden_agreement": burden_agreement,
        "connectivity": connectivity,
        "dice_by_rule": dice_by_rule,
        "dice_by_size": dice_by_size,
        "dice_of_cases": dice_of_cases,
        "how_scored": how_scored,
        "overlap_differences": overlap_differences,
        "reliability": reliability,
        "threshold_sweep": threshold_sweep,
        "volume_agreement": volume_agreement,
    }
    return reports
