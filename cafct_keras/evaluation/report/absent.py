"""Sections that a page leaves out, each with its reason."""

from collections.abc import Iterator, Sequence

from cafct_keras.evaluation.report.chart import rows_of
from cafct_keras.evaluation.report.picture import Picture


def left_out(document: dict, pictures: Sequence[Picture]) -> list[tuple[str, str]]:
    """Title and reason of every section that is left out."""
    return [*_scores(document), *_pictures(document, pictures), *_rest(document)]


def _scores(document: dict) -> Iterator[tuple[str, str]]:
    result = document["results"][0]
    summary, options = result["summary"], result["summary"]["options"]
    targets = summary["targets"].values()
    if len(document["results"]) == 1:
        yield "Post-processing", "none was asked for."
    if not any(target["lesions"] for target in targets):
        yield "Lesions one by one", "no target that has lesions was scored."
    elif not options["spacing_known"]:
        yield "Lesions by diameter", "the size of a pixel is not known."
    if not any(target["volume_ml"] for target in targets):
        why = "the size of a voxel is not known" if options["contiguous"] else "the slices are not volumes"
        yield "Volumes", f"{why}."
    if summary["burden"] is None:
        yield "Tumour burden", "it needs liver and lesion, scored together."
    if not document["calibration"]:
        yield "Reliability and other thresholds", "they need probabilities, and only masks were scored."


def _pictures(document: dict, pictures: Sequence[Picture]) -> Iterator[tuple[str, str]]:
    shown = {picture.kind for picture in pictures}
    if not {"worst", "median"} & shown:
        yield "Pictures of the worst and the median cases", "none were made."
    result = document["results"][0]
    lesions = [
        row
        for name, target in result["summary"]["targets"].items()
        if target["lesions"]
        for row in rows_of(result, name)
        if row["lesions"] is not None
    ]
    over = f"iou_over_{result['summary']['options']['iou_thresholds'][0]:g}"
    for kind, what, count in (
        ("false_positive", "false positives", sum(row[f"false_positives_{over}"] for row in lesions)),
        ("missed_lesion", "missed lesions", sum(row["lesions"] - row[f"lesions_found_{over}"] for row in lesions)),
    ):
        if lesions and kind not in shown:
            yield f"Pictures of {what}", "none were made." if count else "there are none."


def _rest(document: dict) -> Iterator[tuple[str, str]]:
    for key, what, why in (
        ("paper", "The paper's figures", "they are shown beside scores of the slices that the paper used."),
        ("comparison", "A comparison", "there is nothing to compare with."),
        ("failures", "Failures", "every case was scored."),
        ("run", "The run card", "the origin of these predictions is unknown."),
    ):
        if not document[key]:
            yield what, why
