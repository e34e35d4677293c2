"""Training and scoring the systems of a table one after the other, going on wherever it was cut off."""

import dataclasses
import datetime as dt
import gc
import json
import pathlib
import shlex
import sys

import keras
from rich.console import Console

from cafct_keras.errors import UserError
from cafct_keras.evaluation.evaluate import EvaluateOptions, evaluate
from cafct_keras.evaluation.writing import write_evaluation
from cafct_keras.models import list_presets
from cafct_keras.reproduction.budget import epochs_within
from cafct_keras.reproduction.caveats import remarks
from cafct_keras.reproduction.costs import measured
from cafct_keras.reproduction.paper import PRINTED
from cafct_keras.reproduction.pooling import pooled_figures
from cafct_keras.reproduction.systems import System, choose_systems
from cafct_keras.reproduction.writing import console_table, write_tables
from cafct_keras.runs import read_run
from cafct_keras.runtime.console import make_console
from cafct_keras.training import FitConfig, fit
from cafct_keras.training.config import resolve
from pipelines.atomic import atomic_directory

FORMAT = 1
RECIPE_FILE = "recipe.json"
# What differs from row to row; all other options are the recipe, and one for all.
_OF_A_ROW = ("model", "model_options", "seed", "out")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What can be chosen.

    Attributes:
        table: of the paper, 2, 3 or 4.
        models: rows, see `choose_systems`; None for all.
        seeds: runs a system, seeded 0, 1 and so on.
        budget: minutes for all of it, to which the epochs are fitted, equally for every row; None for the recipe's.
        out: folder to make, or to go on in.
        recipe: of every run; its model, seed and folder are not used.
    """

    table: int
    models: str | None = None
    seeds: int = 3
    budget: float | None = None
    out: str
    recipe: FitConfig


def compare(options: CompareOptions, *, console: Console | None = None, quiet: bool = False) -> dict:
    """Makes a table of the paper anew. Finished runs are kept, a run that was cut off goes on.

    Every run is a run folder with its evaluation in it, under `runs/`. After each the tables are written: `table.json`,
    `table.csv`, `table.md` and `table.html`.

    Args:
        options: what is chosen.
        console: to report to.
        quiet: plain lines even on a terminal.

    Returns:
        The document, as `table.json` holds it: `format`, `table`, `target`, `created`, `command`, `versions`,
        `devices`, `data` (folder, layout, fingerprint and split), `recipe`, `remarks` (lines) and `rows`: each with
        `system`, `model`, `options`, `remark`, `printed` (the paper's row or None), `seeds` (those finished), `scores`
        (see `pooled_figures`; None before the first run is finished), `parameters`, `macs_per_image`, `ms_per_image`
        (predicting) and `train_seconds` (mean).

    Raises:
        UserError, DataError: for a mistake in options or data; or the folder holds runs by another recipe.
    """
    console = console or make_console()
    systems = choose_systems(options.table, options.models)
    if options.seeds < 1:
        raise UserError(f"--seeds {options.seeds}: give 1 or more")
    folder = pathlib.Path(options.out)
    recipe = _recipe(options, systems, folder)
    rows = [_Row(system, folder, recipe, console, quiet) for system in systems]
    document = {}
    for seed in range(options.seeds):
        for row in rows:
            console.print(f"{row.system.name}, seed {seed}", style="bold")
            row.train_and_score(seed)
            document = _document(options, recipe, rows)
            write_tables(document, folder)
    console.print(console_table(document))
    return document


class _Row:
    """One system's runs."""

    def __init__(self, system: System, folder: pathlib.Path, recipe: FitConfig, console: Console, quiet: bool):
        self.system, self.finished = system, {}
        self._folder, self._recipe, self._console, self._quiet = folder, recipe, console, quiet
        self.measured = measured(system, recipe, folder / "systems" / f"{system.key}.json")

    def train_and_score(self, seed: int) -> None:
        out = self._folder / "runs" / f"{self.system.key}-seed{seed}"
        options = self._recipe.replace(
            model=self.system.model,
            model_options={**self._recipe.model.options, **self.system.options},
            seed=seed,
            out=str(out),
        )
        fit(options, resume=True, console=self._console, quiet=self._quiet)
        _forget_networks()
        evaluation = out / "evaluation"
        if not evaluation.is_dir():
            with atomic_directory(evaluation) as aside:
                write_evaluation(evaluate([out], EvaluateOptions(), console=self._console, quiet=self._quiet)[0], aside)
            _forget_networks()
        self.finished[seed] = out

    @property
    def cards(self) -> list[dict]:
        return [read_run(out) for out in self.finished.values()]

    def as_dict(self, table: int, target: str) -> dict:
        printed = PRINTED.get((table, self.system.name, target))
        seconds = [card["seconds"]["total"] for card in self.cards]
        tables = [out / "evaluation" / "slices.csv" for out in self.finished.values()]
        return {
            "system": self.system.name,
            "model": self.system.model,
            "options": self.system.options,
            "remark": self.system.remark,
            "printed": printed and printed.as_dict(),
            "seeds": list(self.finished),
            "scores": pooled_figures(tables, target) if tables else None,
            **self.measured,
            "train_seconds": sum(seconds) / len(seconds) if seconds else None,
        }


def _recipe(options: CompareOptions, systems: tuple[System, ...], folder: pathlib.Path) -> FitConfig:
    """The recipe with everything decided; kept in the folder, so that a second start is held to it."""
    asked = options.recipe
    for system in systems:
        known = list_presets(system.model)
        if asked.model.preset is not None and asked.model.preset not in known:
            raise UserError(
                f"--preset {asked.model.preset}: {system.model} has none of that name, only {', '.join(known)}"
            )
    recipe = resolve(asked.replace(out=str(folder / "runs" / "none")))
    file = folder / RECIPE_FILE
    if not file.is_file():
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"--out {folder}: already exists and holds no {RECIPE_FILE}; give another name")
        if options.budget is not None:
            recipe = recipe.replace(epochs=epochs_within(options.budget, systems, options.seeds, recipe))
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(_shared(recipe), indent=2) + "\n")
        return recipe
    kept = json.loads(file.read_text())
    if options.budget is not None:
        recipe = recipe.replace(epochs=kept["epochs"])  # fitted to it at the first start
    for name, value in json.loads(json.dumps(_shared(recipe))).items():
        if kept.get(name) != value:
            raise UserError(
                f"--out {folder}: its runs were begun with {name} {kept.get(name)}, not {value}; one table, one "
                "recipe: give the same options or another --out"
            )
    return recipe


def _shared(recipe: FitConfig) -> dict:
    shared = {name: value for name, value in recipe.options().items() if name not in _OF_A_ROW}
    return {**shared, "augmentation": dataclasses.asdict(recipe.data.augmentation)}


def _document(options: CompareOptions, recipe: FitConfig, rows: list[_Row]) -> dict:
    cards = [card for row in rows for card in row.cards]
    card = cards[0]
    if len({each["data"]["fingerprint"] for each in cards}) > 1:
        raise UserError(f"--out {options.out}: the data changed between its runs; give another --out")
    described = [row.as_dict(options.table, recipe.data.target) for row in rows]
    document = {
        "format": FORMAT,
        "table": options.table,
        "target": recipe.data.target,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["cafct-keras", *sys.argv[1:]]),
        **{name: card[name] for name in ("versions", "devices", "backend")},
        "data": {
            "folder": recipe.data.path,
            **{name: card["data"][name] for name in ("layout", "fingerprint")},
            "split": {
                part: {"slices": split["slices"], "patients": len(split["patients"])}
                for part, split in card["data"]["split"].items()
            },
        },
        "recipe": _shared(recipe),
        "rows": described,
    }
    return {**document, "remarks": remarks(document)}


def _forget_networks() -> None:
    """Gives back the memory of what was trained: a table is many networks in one process."""
    keras.backend.clear_session()
    if keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()
    gc.collect()
