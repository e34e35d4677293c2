"""Options of an evaluation."""

import dataclasses
from typing import Any

from cafct_keras.errors import UserError
from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.postprocessing import PostProcessing
from cafct_keras.prediction import GRIDS
from cafct_keras.prediction.choices import THRESHOLD
from cafct_keras.prediction.smoothing import check_smoothing
from pipelines import SPLITS

PARTS = (*SPLITS, "all")
AUTO, KEPT = "auto", "kept"
CHOSEN_ON = "validation"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """Options of an evaluation.

    Attributes:
        data: folder of cases, or `"phantom"`; None for the data that the first run was trained on.
        layout: of the folder, one of `pipelines.LAYOUTS`; None to detect it.
        reading: how a paired folder is read, see `pipelines.open_source`.
        split: part of the data to score, one of `PARTS`.
        grid: pixels that are scored, one of `GRIDS`: `"native"` for those of the data, to which probabilities are
            brought back before they are compared with the threshold; `"network"` for those that the network sees.
        threshold: a pixel is foreground where its probability exceeds it; `"auto"` for the threshold with the best
            Dice per case on the validation part, by the rule `per_case_positive` and averaged over targets; `"kept"`
            for the one that was kept with the run.
        postprocessing: steps to apply as well; None for none, `"auto"` for those with the best Dice by
            the same rule, of equals by `per_case_lits`; `"kept"` for those that were kept with the run.
        smooth_slices: standard deviation, in slices, of the Gaussian that probabilities are smoothed by across slices,
            see `cafct_keras.prediction.smoothing.smooth`; 0 for none. None for what was kept with the run where the
            threshold or post-processing is, and otherwise none.
        keep: write what is chosen on the validation part, or given, into the run folder, for `predict`.
        scoring: choices behind the scores.
        keep_going: score what can be read; the rest is in the documents' `failures`.
        seed: of the bootstrap, 0 or more.

    Raises:
        UserError: a value is invalid, or something is to be chosen on the cases that are scored.
    """

    data: str | None = None
    layout: str | None = None
    reading: dict[str, Any] = dataclasses.field(default_factory=dict)
    split: str = "test"
    grid: str = "native"
    threshold: float | str = THRESHOLD
    postprocessing: PostProcessing | str | None = None
    smooth_slices: float | None = None
    keep: bool = False
    scoring: ScoreOptions = dataclasses.field(default_factory=ScoreOptions)
    keep_going: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.split not in PARTS:
            raise UserError(f"`split` {self.split}: unknown; give {', '.join(PARTS)}")
        if self.grid not in GRIDS:
            raise UserError(f"`grid` {self.grid}: unknown; give {' or '.join(GRIDS)}")
        choices = {"threshold": self.threshold, "postprocess": self.postprocessing}
        for option in (name for name, value in choices.items() if value == AUTO):
            if self.split in (CHOSEN_ON, "all"):
                raise UserError(
                    f"`{option}` auto: is chosen on the validation part, which `split` {self.split} scores; "
                    "give `split` test"
                )
        if {AUTO, KEPT} <= set(choices.values()):
            raise UserError("`threshold` and `postprocess`: one is kept, the other auto; give auto for both, or kept")
        if self.smooth_slices is not None:
            check_smoothing(self.smooth_slices)
        nothing = (
            self.threshold == THRESHOLD
            and self.postprocessing in (None, PostProcessing())
            and self.smooth_slices is None
        )
        if self.keep and (nothing or KEPT in choices.values()):
            raise UserError(
                "`keep`: nothing new to keep; give `threshold` or `postprocess`, such as auto, or `smooth_slices`"
            )
        if self.keep and self.grid != GRIDS[0]:
            raise UserError(f"`keep`: chosen on another grid than that of predictions; give `grid` {GRIDS[0]}")
        numbers = isinstance(self.threshold, int | float) and 0 < self.threshold < 1
        if self.threshold not in (AUTO, KEPT) and not numbers:
            raise UserError(f"`threshold` {self.threshold}: give a number between 0 and 1, auto or kept")
        if self.seed < 0:
            raise UserError(f"`seed` {self.seed}: give 0 or more")
