"""What stands between a table and the printed one, said plainly."""

from cafct_keras.reproduction.paper import NOTE, PAPER_LAYOUT

PAPER_SIZE = 256


def remarks(document: dict) -> list[str]:
    """Lines that a reader needs before comparing rows with each other or with the paper.

    Args:
        document: see `compare`, but for its remarks.
    """
    recipe, layout, rows = document["recipe"], document["data"]["layout"], document["rows"]
    lines = []
    if layout != PAPER_LAYOUT:
        lines.append(
            f"The data are not the paper's (lits-png) but {layout}: no figure compares with the printed one beside it, "
            "only the rows with each other."
        )
    else:
        lines.append(NOTE)
    if recipe["preset"] is not None:
        lines.append(f"Networks are in the preset {recipe['preset']}, not in the paper's sizes.")
    if recipe["size"] != PAPER_SIZE:
        lines.append(f"Slices are {recipe['size']}x{recipe['size']}, the paper's {PAPER_SIZE}x{PAPER_SIZE}.")
    runs = max((len(row["seeds"]) for row in rows), default=0)
    lines.append(
        f"{recipe['epochs']} epochs a run; the paper does not say how many it took. Intervals (95 %) are over patients"
        + (f" and {runs} runs." if runs > 1 else "; one run cannot tell a system from its luck.")
    )
    lines += [f"{row['system']}: {row['remark']}." for row in rows if row["remark"]]
    return lines
