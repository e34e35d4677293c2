"""The threshold and post-processing that were chosen for a run on validation cases: part of its card."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from cafct_keras.errors import UserError
from cafct_keras.postprocessing import PostProcessing
from cafct_keras.runs.fields import group_from_dict, plain


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """What was chosen for a run, and on what.

    Attributes:
        threshold: a pixel is foreground where its probability exceeds it.
        threshold_rule: by which it was chosen, such as `"per_case_positive"`; None if it was given.
        postprocessing: steps that are applied to the masks.
        postprocessing_rule: by which they were chosen, likewise.
        smooth_slices: standard deviation, in slices, of the Gaussian that probabilities are smoothed by across slices
            before; 0 for none.
        part: of the split that was chosen on.
        fingerprint: of the data, see `pipelines.Source.fingerprint`.

    Raises:
        UserError: the threshold is not between 0 and 1.
    """

    threshold: float = 0.5
    threshold_rule: str | None = None
    postprocessing: PostProcessing = dataclasses.field(default_factory=PostProcessing)
    postprocessing_rule: str | None = None
    smooth_slices: float = 0.0
    part: str = "validation"
    fingerprint: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise UserError(f"`threshold` {self.threshold:g}: give a number between 0 and 1")

    def describe(self) -> str:
        """In words: `"threshold 0.62 (per_case_positive), post-processing none (given)"`."""
        parts = (
            (f"threshold {self.threshold:g}", self.threshold_rule),
            (f"post-processing {self.postprocessing.describe()}", self.postprocessing_rule),
        )
        sigma = self.smooth_slices
        smoothed = [f"smoothed across slices, standard deviation {sigma:g} (given)"] if sigma else []
        return ", ".join([*smoothed, *(f"{words} ({rule or 'given'})" for words, rule in parts)])

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return plain(dataclasses.asdict(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Choice":
        """Reads what `to_dict` wrote.

        Raises:
            UserError: it says something else.
        """
        choice: Choice = group_from_dict(cls, values, "choice.")
        return choice
