"""Caveats of a reproduced table."""

from typing import Any

from cafct_keras.evaluation.metrics.bootstrap import few_patients
from cafct_keras.pages.wording import counted
from cafct_keras.reproduction.paper import NOTE, PAPER_LAYOUT, PAPER_SIZE


def caveats(document: dict[str, Any]) -> list[str]:
    """What a reader needs to know before comparing rows with each other or with the paper, one line each.

    Args:
        document: see `reproduce`, without its caveats.
    """
    recipe, layout, rows = document["recipe"], document["data"]["layout"], document["rows"]
    lines = []
    if layout != PAPER_LAYOUT:
        lines.append(
            f"The data are not the paper's (lits-png) but {layout}: compare rows with each other, not with the printed "
            "scores beside them."
        )
    else:
        lines.append(NOTE)
    if recipe["target"] == "both":
        lines.append(
            f"Networks are trained for the liver and its lesions together; scores are those of {document['target']}."
        )
    if recipe["preset"] is not None:
        lines.append(f"Networks are in the preset {recipe['preset']}, not in the paper's sizes.")
    size = f"{recipe['size']}x{recipe['size']}"
    if recipe["size"] != PAPER_SIZE:
        lines.append(f"Slices are {size}, the paper's {PAPER_SIZE}x{PAPER_SIZE}.")
    lines.append(
        f"Scores are those of slices resized to {size} (grid: {document['grid']}), as the paper's; on the data's own "
        "pixels, which evaluate scores, they differ."
    )
    if recipe["recipe"] == "own":
        lines.append("Each network is trained by the recipe that its authors published, not by the paper's.")
    runs = max((len(row["seeds"]) for row in rows), default=0)
    if recipe.get("epochs"):
        epochs = counted(recipe["epochs"], "epoch")
    else:
        of_each = ", ".join(f"{row['recipe']['epochs']} ({row['system']})" for row in rows)
        epochs = f"Equal time, and so {of_each} epochs"
    lines.append(
        f"{epochs} per run; the paper does not state its number. Intervals (95 %) are over patients"
        + (f" and {runs} runs." if runs > 1 else "; one run cannot tell a better system from a lucky seed.")
    )
    lines += [f"{each.capitalize()}." for each in few_patients(document["data"]["split"]["test"]["patients"])]
    lines += [f"{row['system']}: {row['caveat']}." for row in rows if row["caveat"]]
    return lines
