"""The table command: training and scoring of the rows of a table, resumable at any point."""

import dataclasses
import datetime as dt
import gc
import json
import math
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
from rich.console import Console

from cafct_keras.errors import UserError
from cafct_keras.evaluation.evaluate import evaluate
from cafct_keras.evaluation.options import EvaluateOptions
from cafct_keras.evaluation.writing import write_evaluation
from cafct_keras.reproduction.budget import epochs_within
from cafct_keras.reproduction.caveats import caveats
from cafct_keras.reproduction.costs import Costs
from cafct_keras.reproduction.paper import PRINTED, with_printed_rows
from cafct_keras.reproduction.pooling import pooled_estimates
from cafct_keras.reproduction.systems import TABLES, System, choose_systems
from cafct_keras.reproduction.writing import console_table, write_tables
from cafct_keras.runs import read_run
from cafct_keras.runs.config import OPTIONS, shown
from cafct_keras.runtime.command_line import command_line
from cafct_keras.runtime.console import make_console
from cafct_keras.training import FitConfig, fit
from cafct_keras.training.config import resolve
from pipelines.atomic import atomic_directory, atomic_write_text
from pipelines.documents import parse_json
from pipelines.places import require_place
from pipelines.printable import printable

FORMAT = 2
GRID = "network"  # the paper scores its slices at the size that its network sees
RECIPE_FILE = "recipe.json"
_OF_A_RUN = ("seed", "out")
_OF_A_SYSTEM = ("model", "model_options")
_BEFORE_THE_REST = ("first_epochs", "warmup_epochs")  # epochs that a run has more of


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReproduceOptions:
    """Options of a table.

    Attributes:
        table: of the paper, 2, 3 or 4.
        models: rows, see `choose_systems`; None for all.
        seeds: runs per system, seeded 0, 1 and so on.
        budget: minutes for everything, to which the epochs are fitted; None for the recipe's epochs.
        equal_time: with a budget, give every row the same time, and not the same epochs.
        out: folder to create, or to resume in.
        config: of every run; what it leaves open is each network's by the recipe. Its model, seed and folder are not
            used.

    Raises:
        UserError: a value is out of range.
    """

    table: int
    models: str | None = None
    seeds: int = 3
    budget: float | None = None
    equal_time: bool = False
    out: str
    config: FitConfig

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise UserError(f"`seeds` {self.seeds}: give 1 or more")
        if self.budget is not None and not 0 < self.budget < math.inf:
            raise UserError(f"`budget` {self.budget:g}: give minutes, above 0")
        if self.equal_time and self.budget is None:
            raise UserError("`equal_time`: needs a `budget`")


def reproduce(options: ReproduceOptions, *, console: Console | None = None, quiet: bool = False) -> dict[str, Any]:
    """Reproduces a table of the paper. Finished runs are kept, and an interrupted run is resumed.

    Every run is a run folder under `runs/`, with its evaluation in it. After each of them the tables are written:
    `table.json`, `table.csv`, `table.md` and `table.html`.

    Args:
        options: what to reproduce.
        console: where to report to; None for the standard output.
        quiet: plain lines even on a terminal.

    Returns:
        The document in `table.json`: `format`, `table`, `target`, `created`, `command`, `versions`, `devices`, `data`
        (folder, layout, fingerprint and split), `recipe` (options that all rows share), `caveats` (lines) and `rows`:
        each with `system`, `model`, `options`, `recipe` (options that not all rows share), `caveat`, `printed` (the
        paper's row or None), `seeds` (those finished), `scores` (see `pooled_estimates`; None before the first run is
        finished), `parameters`, `macs_per_image`, `ms_per_image` (of a prediction) and `train_seconds` (mean).

    Raises:
        UserError, DataError: options or data are invalid, before anything is trained; or the folder holds runs by
            another recipe.
    """
    console = console or make_console()
    systems = choose_systems(options.table, options.models)
    folder = pathlib.Path(options.out)
    require_place(folder, utf8=True)
    configs, kept = _configs(options, systems, folder)
    rows = [_Row(system, config, folder, console, quiet) for system, config in zip(systems, configs, strict=True)]

    def keep() -> None:  # once the first run has found nothing wrong with the data
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"format": FORMAT, "rows": {key: config.to_dict() for key, config in kept.items()}}, indent=2)
        atomic_write_text(folder / RECIPE_FILE, text + "\n")
        for row in rows:
            row.costs.keep()

    document: dict[str, Any] = {}
    for seed in range(options.seeds):
        for row in rows:
            console.print(f"{row.system.name}, seed {seed}", style="bold")
            row.train_and_score(seed, on_start=keep)
            document = _document(options, rows)
            write_tables(document, folder)
    console.print(console_table(printable(document), width=console.width))
    return document


class _Row:
    """The runs of one system."""

    def __init__(self, system: System, config: FitConfig, folder: pathlib.Path, console: Console, quiet: bool):
        self.system, self.config = system, config
        self.finished: dict[int, pathlib.Path] = {}
        self._folder, self._console, self._quiet = folder, console, quiet
        self.costs = Costs(config, folder / "systems" / f"{system.key}.json")

    def train_and_score(self, seed: int, *, on_start: Callable[[], None]) -> None:
        out = self._folder / "runs" / f"{self.system.key}-seed{seed}"
        config = self.config.replace(seed=seed, out=str(out))
        fit(config, resume=True, console=self._console, quiet=self._quiet, on_start=on_start)
        _free_memory()
        evaluation = out / "evaluation"
        if not evaluation.is_dir():
            with atomic_directory(evaluation) as temporary:
                (scored,) = evaluate([out], EvaluateOptions(grid=GRID), console=self._console, quiet=self._quiet)
                write_evaluation(with_printed_rows(scored), temporary)
            _free_memory()
        self.finished[seed] = out

    @property
    def cards(self) -> list[dict[str, Any]]:
        return [read_run(out) for out in self.finished.values()]

    def describe(self, table: int, shared: dict[str, Any]) -> dict[str, Any]:
        target = _scored(table, self.config)
        printed = PRINTED.get((table, self.system.name, target))
        seconds = [card["seconds"]["total"] for card in self.cards]
        tables = [out / "evaluation" / "slices.csv" for out in self.finished.values()]
        return {
            "system": self.system.name,
            "model": self.system.model,
            "options": self.system.options,
            "recipe": {name: value for name, value in _options(self.config).items() if name not in shared},
            "caveat": self.system.caveat,
            "printed": printed and printed.as_dict(),
            "seeds": list(self.finished),
            "scores": pooled_estimates(tables, target) if tables else None,
            **self.costs.columns,
            "train_seconds": sum(seconds) / len(seconds) if seconds else None,
        }


def _configs(
    options: ReproduceOptions, systems: Sequence[System], folder: pathlib.Path
) -> tuple[list[FitConfig], dict[str, FitConfig]]:
    """Resolved configuration of every row; and those to be kept, by key, so that a second start is held to them."""
    asked, file = options.config.replace(seed=0, out=str(folder)), folder / RECIPE_FILE

    def resolved(epochs: Sequence[int | None]) -> list[FitConfig]:
        return [
            resolve(
                asked.replace(model=system.model, model_options={**asked.model.options, **system.options}, epochs=count)
            )
            for system, count in zip(systems, epochs, strict=True)
        ]

    configs = resolved([asked.optimizer.epochs] * len(systems))
    kept: dict[str, FitConfig] = {}
    if file.is_file():
        kept, before = _read_kept(file)
        if options.equal_time and (new := [system.name for system in systems if system.key not in kept]):
            raise UserError(f"`models`: {new[0]} was not in {folder}, whose time is divided; give another `out`")
        epochs = [kept[system.key].optimizer.epochs if system.key in kept else before for system in systems]
    else:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"`out` {folder}: already exists and holds no {RECIPE_FILE}; give another name")
        epochs = []
        if options.budget is not None:
            begin = {name: asked[name] for name in _BEFORE_THE_REST if asked[name]}
            epochs = epochs_within(
                options.budget, configs, options.seeds, equal_time=options.equal_time, more_than=begin
            )
    if options.budget is not None:  # they were fitted at the first start
        configs = resolved(epochs)
    for system, config in zip(systems, configs, strict=True):
        first = kept.setdefault(system.key, config)
        for name in OPTIONS:
            if name not in _OF_A_RUN and first[name] != config[name]:
                raise UserError(
                    f"`out` {folder}: its runs of {system.name} were begun with {name} {shown(first[name])}, not "
                    f"{shown(config[name])}; give the same options or another `out`"
                )
    return configs, kept


def _read_kept(file: pathlib.Path) -> tuple[dict[str, FitConfig], int]:
    """Configurations of the rows of an earlier start, by key, and its epochs."""
    try:
        content = parse_json(file.read_bytes())
        if "rows" in content:
            rows = {key: FitConfig.from_dict(values) for key, values in content["rows"].items()}
            return rows, next(iter(rows.values())).optimizer.epochs
    except UserError:
        raise
    except (ValueError, TypeError, AttributeError, StopIteration) as error:
        raise UserError(f"{file}: damaged ({error}); restore it, or give another `out`") from error
    # Version 0.1 kept one recipe for all rows. Its runs are checked when they are resumed, each by itself.
    if content.get("recipe") != "paper":
        raise UserError(
            f"{file}: of version 0.1, which trained every row by the recipe of cafct_net; give another `out`"
        )
    return {}, content["epochs"]


def _scored(table: int, config: FitConfig) -> str:
    """The target that rows are scored by: that of the table, where networks are trained for both."""
    return TABLES[table].target if config.data.target == "both" else config.data.target


def _options(config: FitConfig) -> dict[str, Any]:
    """Options by name, as in JSON, but those of the run or of the system."""
    options = {name: value for name, value in config.options().items() if name not in _OF_A_RUN + _OF_A_SYSTEM}
    return {**options, "augmentation": dataclasses.asdict(config.data.augmentation)}


def _document(options: ReproduceOptions, rows: Sequence[_Row]) -> dict[str, Any]:
    cards = [card for row in rows for card in row.cards]
    card, config = cards[0], rows[0].config
    if len({each["data"]["fingerprint"] for each in cards}) > 1:
        raise UserError(f"`out` {options.out}: the data changed between its runs; give another `out`")
    chosen = [_options(row.config) for row in rows]
    shared = {name: value for name, value in chosen[0].items() if all(each[name] == value for each in chosen)}
    document = {
        "format": FORMAT,
        "table": options.table,
        "target": _scored(options.table, config),
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "command": command_line(),
        **{name: card[name] for name in ("versions", "devices", "backend")},
        "data": {
            "folder": config.data.path,
            **{name: card["data"][name] for name in ("layout", "fingerprint")},
            "split": {
                part: {"slices": split["slices"], "patients": len(split["patients"])}
                for part, split in card["data"]["split"].items()
            },
        },
        "grid": GRID,
        "recipe": shared,
        "rows": [row.describe(options.table, shared) for row in rows],
    }
    return {**document, "caveats": caveats(document)}


def _free_memory() -> None:
    """Frees the memory of trained networks: a table trains many in one process."""
    keras.backend.clear_session()
    if keras.backend.backend() == "jax":
        import jax

        jax.clear_caches()
    gc.collect()
