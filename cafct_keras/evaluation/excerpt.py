"""The figures of an evaluation that the console and the Markdown and LaTeX tables show, and the words around them."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from cafct_keras.evaluation.metrics.overlap import RULES
from cafct_keras.evaluation.results.methods import headline
from cafct_keras.pages.wording import counted
from cafct_keras.postprocessing import STEPS, PostProcessing

BASELINES = ("predicting nothing", "predicting everything")
_PATIENTS = {"each case": "each case a patient", "names": "patients by file names", "table": "patients by a table"}
Cell = dict[str, Any] | float | None | str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table.

    Attributes:
        name: as in `evaluation.json`.
        note: words that follow it.
        cells: estimates, as `evaluation.json` holds them; numbers; None for what is undefined; `""` for nothing to say.
        higher_is_better: None for a row in which some baseline is perfect by definition.
    """

    name: str
    note: str = ""
    cells: Sequence[Cell]
    higher_is_better: bool | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a title, which heads the names of its rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Row]


def overlap_and_surface(document: dict, target: str, *, measures: Sequence[str] = ("dice", "iou")) -> Table:
    """Scores of one target by every rule, and its distances.

    A column for each measure and result; those of predicting nothing and everything belong to the first measure.
    """
    results = document["results"]
    summaries = [result["summary"]["targets"][target] for result in results]
    spelled = {"dice": "Dice", "iou": "IoU"}
    names = [[result["name"]] if len(results) > 1 else [] for result in results]
    columns = [[" ".join([spelled[measure], *name]) for name in names] for measure in measures]
    columns[0] += BASELINES
    rows = []
    for rule in RULES:
        cells: list[Cell] = []
        for index, measure in enumerate(measures):
            figures = [summary["overlap"].get(rule, {}).get(measure) for summary in summaries]
            cells += [*figures, *(_baselines(figures[0]) if index == 0 else ())]
        rows.append(Row(name=rule, cells=cells, higher_is_better=True))
    blank: list[Cell] = [""] * (len(results) * (len(measures) - 1))
    for name, higher in _distances(results[0]["summary"]["options"], summaries[0]["surface"]):
        figures = [summary["surface"]["positive"].get(name) for summary in summaries]
        cells = [*figures, *_baselines(figures[0]), *blank]
        rows.append(Row(name=name, note="positive", cells=cells, higher_is_better=higher))
    return Table(title=target, columns=[name for part in columns for name in part], rows=rows)


def _distances(options: dict, surface: dict | None) -> Iterator[tuple[str, bool]]:
    """Name of a measure in the summary, and whether higher is better: HD95, and NSD at the middle tolerance."""
    if surface is not None:
        tolerances = options["tolerances"]
        yield f"hd95_{surface['length']}", False
        yield f"nsd_{tolerances[len(tolerances) // 2]:g}_{surface['length']}", True


def detection(document: dict, target: str, *, decimal: str = ".") -> Table | None:
    """Recall, precision and false positives of lesions at every IoU threshold; None for a target without lesions."""
    results = document["results"]
    lesions = [result["summary"]["targets"][target]["lesions"] for result in results]
    if lesions[0] is None:
        return None
    rows: list[Row] = []
    per_unit = f"false positives/{lesions[0]['unit']}"
    for measure, name in {"recall": "recall", "precision": "precision", "false_positives_per_unit": per_unit}.items():
        found = [[each[measure] for each in of_result["detection"].values()] for of_result in lesions]
        if len(results) == 1:
            rows.append(Row(name=name, cells=found[0]))
        else:
            rows.append(Row(name=name, cells=[""] * len(found[0])))
            rows += [Row(name=f"  {one['name']}", cells=cells) for one, cells in zip(results, found, strict=True)]
        if measure != "false_positives_per_unit":
            of_baselines = zip(*map(_baselines, found[0]), strict=True)
            rows += [
                Row(name=f"  {baseline}", cells=cells) for baseline, cells in zip(BASELINES, of_baselines, strict=True)
            ]
    columns = [f"IoU over {name.removeprefix('iou_over_').replace('.', decimal)}" for name in lesions[0]["detection"]]
    return Table(title=f"{target}s found" if target == "lesion" else f"{target}, found", columns=columns, rows=rows)


def lits_sheet(document: dict) -> Table | None:
    """The LiTS challenge's figures under its names; None unless they were asked for."""
    sheets = [result["summary"]["lits"] for result in document["results"]]
    if not sheets[0]:
        return None
    rows = [
        Row(name=name, cells=[{"value": sheet["values"][name], "low": None} for sheet in sheets])
        for name in sheets[0]["values"]
    ]
    return Table(
        title=f"LiTS sheet, {counted(sheets[0]['cases'], 'case')}",
        columns=[result["name"] for result in document["results"]],
        rows=rows,
    )


def ranking(document: dict, target: str) -> Table:
    """Means of several methods in the metrics to look at first; cells have the method's `rank` too.

    Args:
        document: what `comparison.json` holds.
        target: of it.
    """
    return Table(
        title=target,
        columns=document["methods"],
        rows=[
            Row(
                name=name,
                cells=[each["mean"] | {"rank": each["rank"]} for each in metric["methods"].values()],
                higher_is_better=metric["higher_is_better"],
            )
            for name, metric in headline(document["targets"][target]).items()
        ],
    )


def _baselines(figure: dict | None) -> tuple[Cell, Cell]:
    """Scores of predicting nothing and everything."""
    return (figure["predict_nothing"], figure["predict_everything"]) if figure else (None, None)


def how_scored(document: dict) -> list[str]:
    """The choices behind the scores, which two evaluations must share to be compared."""
    options, data = document["results"][0]["summary"]["options"], document["data"]
    grids = {
        "native": "native pixel grid",
        "network": f"the network's grid of {data.get('size')} pixels",
        "masks": "pixel grid of the masks",
    }
    unit = "volumes" if options["contiguous"] else "single slices"
    said = [grids[options["grid"]], f"{unit}, {connectivity(options)}-connected lesions"]
    said.append(f"surfaces of {options['surface']}")
    if data["patients"] is not None:
        said.append(_PATIENTS.get(data["patients"], f"patients by {data['patients']}"))
    return said


def connectivity(options: dict) -> int:
    """Of lesions: in volumes as chosen, in single slices the part of it in the plane."""
    chosen = options["connectivity"]
    return chosen if options["contiguous"] else {26: 8, 18: 8, 6: 4}[chosen]


def counts(document: dict) -> str:
    """How much was scored, and the threshold and how it was chosen."""
    overall, threshold = document["results"][0]["summary"], document["threshold"]
    said = ", ".join(counted(overall[f"{what}s"], what) for what in ("case", "patient", "slice"))
    if threshold is not None:
        chosen = f", chosen on {threshold['chosen_on']} by {threshold['rule']}" if threshold["rule"] else ""
        said += f"; threshold {threshold['value']:g}{chosen}"
        if sigma := threshold.get("smooth_slices"):
            said += f"; smoothed across slices (standard deviation {sigma:g})"
    return said


def gaps(document: dict) -> list[str]:
    """How many cases are left out, of everything or of most."""
    overall, failures = document["results"][0]["summary"], document["failures"]
    said = []
    if incomplete := overall["cases"] - overall["complete_cases"]:
        said.append(f"{incomplete} with missing slices, in overlap only")
    if failures:
        said.append(f"{len(failures)} could not be scored")
    return said


def notes(document: dict) -> Iterator[str]:
    """Lines about post-processing, the LiTS sheet, and the paper's figures."""
    if steps := document["results"][-1]["postprocessing"]:
        taken = PostProcessing(**{name: steps[name] for name in (*STEPS, "unit")}).describe()
        chosen = f"chosen on {steps['chosen_on']} by {steps['rule']}" if steps["rule"] else "as asked for"
        yield f"post-processing: {taken}; {chosen}"
    if sheet := document["results"][0]["summary"]["lits"]:
        yield from (f"LiTS sheet: {note}" for note in sheet["notes"])
    for row in document["paper"] or ():
        if row["system"] == "CAFCT-Net" and row["table"] in (2, 3):
            rules = ", ".join(row["rules"])
            yield (
                f"the paper's CAFCT-Net, {row['target']}: Dice {row['dice'] / 100:.4f}, IoU {row['iou'] / 100:.4f} "
                f"(Table {row['table']}; no rule is stated, possible are {rules})"
            )


def number(value: float, *, decimal: str = ".") -> str:
    """A score, or a length in mm or pixels."""
    return (f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}").replace(".", decimal)
