"""What a data folder holds: cases, slices, sizes, intensities and lesions, counted part by part of the split."""

import contextlib
from pathlib import Path

from PIL import Image

from pipelines.case import SPLITS, Source
from pipelines.describe.figures import Figures, expect_no_figures
from pipelines.describe.statistics import LEAST, Tally, tally_case
from pipelines.layouts import detect_layout, open_source

PARTS = (*SPLITS, "all")
PAPER_NOTE = "what the paper's Table 1 prints as Liver Mask and Lesion Mask is the number of EMPTY masks"


def describe(directory: str | Path, *, layout: str | None = None, out: str | Path | None = None, seed: int = 0) -> dict:
    """Reads a data folder once, one case at a time, and counts what is in it.

    Args:
        directory: the folder, or `"phantom"`. A paired folder is read at its slices' size if that is one square for
            all, else at 512; its masks are of a target that nobody names, so they are called `"foreground"`.
        layout: one of `pipelines.LAYOUTS`; None to find out by looking.
        out: folder for `slices.png` and `histogram.png`, made if absent; None for no pictures.
        seed: draws the slices that are shown, 0 or more.

    Returns:
        See `describe_source`.

    Raises:
        DataError: something in the folder is wrong, or a picture is there already.
    """
    if out is not None:
        expect_no_figures(out)  # before the folder is opened, which may take long
    if Path(directory).is_dir():
        directory = Path(directory)  # not the phantom, if that is what the folder is called
        layout = layout or detect_layout(directory)
    paired = layout == "paired_folder"
    size = _side(Path(directory)) if paired else 128  # the phantom's; the others have their own
    source = open_source(directory, target="lesion", size=size, layout=layout)
    return describe_source(source, out=out, seed=seed, names={"lesion": "foreground"} if paired else {})


def describe_source(
    source: Source, *, out: str | Path | None = None, seed: int = 0, names: dict[str, str] | None = None
) -> dict:
    """Reads a source once and counts what is in it.

    Args:
        source: the reader; no more than one of its cases is held here.
        out: see `describe`.
        seed: see `describe`.
        names: target to what it is to be called, where that is something else.

    Returns:
        What `json.dumps` takes: `layout`, `intensity`, `fingerprint`, `targets`, `notes` and `parts`, that is each of
        `PARTS` to its figures:

        * `cases`, `patients`, `slices`, `slices_with` (by target) and `slices_without` (any);
        * `sizes`: `"HxW"` to slices;
        * `spacing_mm`: `slice`, `row`, `column` to least and greatest; None where no case knows it;
        * `intensity`: by region (`image`, `body`, each target) `least`, `greatest` and `percentiles` (`p1`, `p5`,
          `median`, `p95`, `p99`), in Hounsfield units or grey; None where there is no such pixel. The body is a
          slice's largest bright piece with its holes filled, in every n-th pixel of large slices;
        * `share`: of all pixels, by target, 0..1;
        * `pieces`: connected components `of` a target (None without one but the liver): `count`, `measured` (those in
          millimetres), and `p5`, `median` and `p95` of `pixels`, `volume_ml` and `diameter_mm` (of the ball of that
          volume); None where there is nothing to measure;
        * `as_the_paper_counts`, for `lits_png` alone: by target, slices whose mask is empty.

    Raises:
        DataError: a case cannot be read, or a picture is there already.
    """
    names = {target: (names or {}).get(target, target) for target in source.targets}
    shown = tuple(names.values())
    figures = None if out is None else Figures(out, seed=seed, targets=shown, intensity=source.intensity)
    tallies = {part: Tally() for part in PARTS}
    for case in source.cases():
        masks = {names[target]: mask for target, mask in case.masks.items()}
        tally = tally_case(case, masks, source.intensity)
        for part in (case.split, "all"):
            tallies[part].add(tally)
        if figures is not None:
            figures.offer(case, masks)
    if figures is not None:
        figures.draw(tallies["all"].histograms, LEAST)
    parts = {part: tally.summary(shown) for part, tally in tallies.items()}
    if source.layout == "lits_png":
        for part in parts.values():
            part["as_the_paper_counts"] = {t: part["slices"] - n for t, n in part["slices_with"].items()}
    notes = list(source.notes)  # only now: some readers add to theirs while they read
    if apart := tallies["all"].apart:
        notes.append(f"slices: {apart} cases lack slices in between, so their pieces are counted slice by slice")
    return {
        "layout": source.layout,
        "intensity": source.intensity,
        "fingerprint": source.fingerprint(),
        "targets": list(shown),
        "notes": notes,
        "parts": parts,
    }


def _side(directory: Path) -> int:
    """Height and width of a paired folder's slices where all have the same, read from the files' heads; else 512."""
    sizes = set()
    # What is wrong with a file is for the reader to say.
    with contextlib.suppress(OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        for path in (directory / "images").iterdir():
            if path.suffix.lower() == ".png" and path.name[0] != ".":
                with Image.open(path, formats=("PNG",)) as image:
                    sizes.add(image.size)
            if len(sizes) > 1:
                break
    (height, width), *others = sizes or {(512, 512)}
    return height if height == width and not others else 512


def table(description: dict) -> str:
    """A description as lines of text, with a column for each part of the split.

    Args:
        description: from `describe`.
    """
    parts, targets = description["parts"], description["targets"]
    unit = "HU" if description["intensity"] == "hu" else "grey"
    paper, pieces = "as_the_paper_counts" in parts["all"], parts["all"]["pieces"]
    rows = {counted: lambda part, c=counted: f"{part[c]:,}" for counted in ("cases", "patients", "slices")}
    for target in targets:
        rows[f"  with {target}"] = lambda part, t=target: f"{part['slices_with'][t]:,}"
        if paper:
            rows[f'  paper\'s "{target.title()} Mask" *'] = lambda part, t=target: f"{part['as_the_paper_counts'][t]:,}"
    if targets:
        rows["  without either" if targets[1:] else f"  without {targets[0]}"] = lambda part: (
            f"{part['slices_without']:,}"
        )
    rows["height x width"] = lambda part: _sizes(part["sizes"])
    if parts["all"]["spacing_mm"]:
        for axis in ("slice", "row", "column"):
            rows[f"mm between {axis}s"] = lambda part, a=axis: _range(part["spacing_mm"], a)
    rows[f"{unit}, least to greatest"] = lambda part: "{least} to {greatest}".format(**part["intensity"]["image"])
    for region in ("body", *targets):
        rows[f"{unit} in {region} **"] = lambda part, r=region: _middle((part["intensity"][r] or {}).get("percentiles"))
    for target in targets:
        rows[f"% of pixels {target}"] = lambda part, t=target: f"{100 * part['share'][t]:.3f}"
    if pieces:
        name = "lesions" if pieces["of"] == "lesion" else f"pieces of {pieces['of']}"
        rows[name] = lambda part: f"{part['pieces']['count']:,}"
        measures = {"volume_ml": "mL", "diameter_mm": "mm across"} if pieces["measured"] else {"pixels": "pixels"}
        for key, label in measures.items():
            rows[f"  {label} **"] = lambda part, k=key: _middle(part["pieces"][k])
    cells = [["", *parts]]
    for label, cell in rows.items():
        cells.append([label, *(cell(part) if part["slices"] else "-" for part in parts.values())])
    left, *widths = (max(map(len, column)) for column in zip(*cells, strict=True))
    lines = [f"{description['layout']}, intensity {description['intensity']}, {description['fingerprint'][:12]}"]
    lines += [f"  {note}" for note in description["notes"]]
    for label, *row in cells:
        lines.append("  ".join([label.ljust(left), *map(str.rjust, row, widths)]))
    return "\n".join([*lines, *([f"*  {PAPER_NOTE}"] if paper else []), "** median (5th to 95th percentile)"])


def _sizes(sizes: dict) -> str:
    return ", ".join(sizes) if len(sizes) < 3 else f"{len(sizes)} sizes"


def _range(spacing: dict | None, axis: str) -> str:
    if spacing is None:
        return "-"
    least, greatest = (f"{length:.2f}" for length in spacing[axis])
    return least if least == greatest else f"{least} to {greatest}"


def _middle(spread: dict | None) -> str:
    if spread is None:
        return "-"
    low, middle, high = (
        f"{value:.0f}" if isinstance(value, int) or value >= 100 else f"{value:.3g}"
        for value in (spread["p5"], spread["median"], spread["p95"])
    )
    return f"{middle} ({low} to {high})"
