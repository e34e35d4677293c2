"""Choice of the best epoch, by the Dice of the validation part."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cafct_keras.evaluation.metrics.bootstrap import mean_of
from cafct_keras.evaluation.metrics.overlap import Counts, unit_scores
from cafct_keras.pages.wording import counted
from cafct_keras.runs.config import FitConfig
from pipelines.case import SPLITS
from pipelines.checks.content import missing_target
from pipelines.grid import covered
from pipelines.loading.slices import Slices

AVERAGED = "selection_score"


def score_name(targets: Sequence[str], target: str, score: str) -> str:
    """Name of a score of one target, such as `"lesion_dice_pooled"`; of a single target `"dice_pooled"`."""
    return f"{target}_{score}" if len(targets) > 1 else score


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """By what the best epoch is chosen.

    Attributes:
        score: name of the score of the validation part; None to keep the last epoch.
        average: of how many epochs the mean counts, the last of which is chosen.
        cases: validation cases that show the target.
        patients: of these cases.
        first_epoch: from 0; those before it, on smaller slices, are compared with one another only.
    """

    score: str | None
    average: int = 1
    cases: int = 0
    patients: int = 0
    first_epoch: int = 0

    def value(self, logs: Mapping[str, float], rows: Sequence[Mapping[str, Any]]) -> float | None:
        """The value that an epoch is judged by.

        Args:
            logs: of the epoch, with those of its validation.
            rows: of the epochs before it, see `History`.

        Returns:
            The mean; None without such a score, where a validation loss is not finite, and for the first epochs, of
            which there are too few.
        """
        alike = rows[self.first_epoch if len(rows) >= self.first_epoch else 0 :]
        last = [logs, *(row["logs"] for row in reversed(alike))][: self.average]
        if self.score is None or len(last) < self.average:
            return None
        values = [each.get(f"val_{name}", math.nan) for each in last for name in (self.score, "loss")]
        return float(np.mean(values[::2])) if all(map(math.isfinite, values)) else None

    def describe(self) -> str:
        """In words."""
        averaged = f", mean of {self.average} epochs" if self.average > 1 else ""
        cases, patients = counted(self.cases, "validation case"), counted(self.patients, "patient")
        return f"best epoch by {self.score}{averaged}: {cases} of {patients}"


def choose_selection(config: FitConfig, parts: Mapping[str, Slices]) -> tuple[Selection, list[str]]:
    """Finds what the best epoch of a run can be chosen by.

    Args:
        config: resolved configuration.
        parts: slices by part.

    Returns:
        The selection, and a warning for each part that does not show a target: nothing is chosen by it, for whoever
        predicts nothing would be the best there.
    """
    targets = parts["train"].preprocessing.targets
    warnings = []
    for index, target in enumerate(targets):
        warnings += [
            f"{part}: {missing_target(part, target)}"
            for part in SPLITS
            if parts[part].names and not _positive_slices(parts[part], index).any()
        ]
    if not config.data.validation:
        return Selection(score=None), warnings
    validation = parts["validation"]
    shown = _positive_slices(validation, -1)
    cases = np.unique(validation.cases[shown])
    patients = {validation.patients[index] for index in np.flatnonzero(shown)}
    score = score_name(targets, targets[-1], f"dice_{config.selection.rule}")
    selection = Selection(
        score=score if len(cases) else None,
        average=config.selection.average,
        cases=len(cases),
        patients=len(patients),
        first_epoch=config.data.first_epochs or 0,
    )
    return selection, warnings


def of_shown(scores: Mapping[str, float], counts: np.ndarray, slices: Slices) -> dict[str, float]:
    """Scores with NaN for those of targets that no slice shows, of which whoever predicts nothing has the best.

    Args:
        scores: by name; the loss stays as it is.
        counts: int `(N, C, 3)`, see `SliceCounts`.
        slices: the N slices.
    """
    targets = slices.preprocessing.targets
    empty = [target for index, target in enumerate(targets) if not counts[:, index, 1].any()]
    return {
        name: math.nan
        if name != "loss" and any(len(targets) == 1 or name.startswith(f"{target}_") for target in empty)
        else value
        for name, value in scores.items()
    }


def dice_per_case(counts: np.ndarray, slices: Slices) -> dict[str, float]:
    """Mean Dice over the cases that show a target, as the evaluation's rule `per_case_positive` has it.

    Args:
        counts: int `(N, C, 3)`, see `SliceCounts`.
        slices: the N slices.

    Returns:
        Name of the score to its value, for each target that is shown.
    """
    targets = slices.preprocessing.targets
    found = {}
    for index, target in enumerate(targets):
        overlap, truth, mask = np.asarray(counts[:, index], np.int64).T
        pixels = np.full(len(counts), slices.images[0].size, np.int64)
        of_slices = Counts(tp=overlap, fp=mask - overlap, fn=truth - overlap, pixels=pixels)
        of_cases = of_slices.grouped(slices.cases, int(slices.cases[-1]) + 1)
        value = mean_of(unit_scores("per_case_positive", "dice", of_cases))
        if value is not None:
            found[score_name(targets, target, "dice_per_case_positive")] = value
    return found


def _positive_slices(slices: Slices, target: int) -> np.ndarray:
    """`(N,)` bool: whether at least half of any pixel is covered, as scores have it."""
    return np.array([covered(mask[..., target]).any() for mask in slices.masks], bool)
