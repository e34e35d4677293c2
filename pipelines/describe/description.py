"""Description of a data folder."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from pipelines.atomic import atomic_files, refuse_existing_files
from pipelines.case import SPLITS, Source
from pipelines.describe.figures import FILES, Figures
from pipelines.describe.statistics import MINIMUM, DatasetStatistics, case_statistics
from pipelines.layouts import detect_layout, open_source
from pipelines.places import require_place

PARTS = (*SPLITS, "all")


def describe(
    directory: str | Path,
    *,
    layout: str | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    **reading: Any,
) -> dict[str, Any]:
    """Computes the statistics of a data folder, reading it once, one case at a time.

    Args:
        directory: the folder, or `"phantom"`. The slices of a paired folder have their own size, or 512 where those of
            one scan differ; the target of masks of two values is unknown and called `"foreground"`.
        layout: one of `pipelines.LAYOUTS`; None to detect it.
        out: folder for `slices.png` and `histogram.png`, created if missing; None for no figures.
        seed: random seed of the slices that are shown, 0 or more.
        **reading: how a paired folder is read, see `pipelines.layouts.open_source`.

    Returns:
        See `describe_source`.

    Raises:
        DataError: something in the folder is wrong, or `out` already has one of the figures.
    """
    if out is not None:
        require_place(out, folder=True)
        refuse_existing_files(out, FILES)  # before the folder is opened, which may take long
    if Path(directory).is_dir():
        directory = Path(directory)  # not the phantom, even if the folder has that name
        layout = layout or detect_layout(directory)
    paired = layout == "paired_folder"
    size = 512 if paired else 128  # the phantom's; other layouts have their own
    source = open_source(directory, target="lesion", size=size, layout=layout, **reading)
    names = {"lesion": "foreground"} if getattr(source, "binary", False) else {}
    return describe_source(source, out=out, seed=seed, names=names)


def describe_source(
    source: Source, *, out: str | Path | None = None, seed: int = 0, names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Computes the statistics of a source, reading it once.

    Args:
        source: the reader; one case is held in memory at a time.
        out: see `describe`.
        seed: see `describe`.
        names: target to the name to report it under, where they differ.

    Returns:
        Ready for JSON: `layout`, `intensity`, `fingerprint`, `targets`, `notes` and `parts`, which has for each of
        `PARTS`:

        * `cases`, `patients`, `slices`, `slices_with` (by target) and `slices_without` (any);
        * `sizes`: `"HxW"` to number of slices;
        * `spacing_mm`: `slice`, `row`, `column` to minimum and maximum; None if no case has a spacing;
        * `intensity`: by region (`image`, `body`, each target) `least`, `greatest` and `percentiles` (`p1`, `p5`,
          `median`, `p95`, `p99`), in Hounsfield units or grey values; None for an empty region. The body is the largest
          bright component of a slice with its holes filled, in every n-th pixel of large slices;
        * `share`: fraction of all pixels, by target, 0..1;
        * `pieces`: connected components `of` a target (None for the liver alone): `count`, `measured` (those with a
          volume), and `p5`, `median` and `p95` of `pixels`, `volume_ml` and `diameter_mm` (of the sphere of that
          volume); None where there are none;
        * `as_the_paper_counts`, for `lits_png` only: by target, slices whose mask is empty.

    Raises:
        DataError: a case cannot be read, or `out` already has one of the figures.
    """
    names = {target: (names or {}).get(target, target) for target in source.targets}
    targets = tuple(names.values())
    statistics = {part: DatasetStatistics() for part in PARTS}
    # Created first, since reading all data only to find that nothing can be written may take long.
    with nullcontext() if out is None else atomic_files(out, FILES) as folder:
        figures = None
        if folder is not None:
            figures = Figures(folder, seed=seed, targets=targets, intensity=source.intensity)
        for case in source.cases():
            masks = {names[target]: mask for target, mask in case.masks.items()}
            of_case = case_statistics(case, masks, source.intensity)
            for part in (case.split, "all"):
                statistics[part].add(of_case)
            if figures is not None:
                figures.add(case, masks)
        if figures is not None:
            figures.draw(statistics["all"].histograms, MINIMUM)
    parts = {part: each.summary(targets) for part, each in statistics.items()}
    if source.layout == "lits_png":
        for summary in parts.values():
            with_target = summary["slices_with"]
            summary["as_the_paper_counts"] = {name: summary["slices"] - n for name, n in with_target.items()}
    notes = list(source.notes)  # only now: some readers add to theirs while they read
    if count := statistics["all"].non_contiguous:
        notes.append(f"slices: {count} cases have missing slices, so their components are counted slice by slice")
    return {
        "layout": source.layout,
        "intensity": source.intensity,
        "fingerprint": source.fingerprint(),
        "targets": list(targets),
        "notes": notes,
        "parts": parts,
    }
