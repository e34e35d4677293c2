"""Options of a segmentation job."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from cafct_keras.engines.engine import ENGINES, PRECISIONS
from cafct_keras.errors import UserError
from cafct_keras.postprocessing import PostProcessing
from cafct_keras.prediction.choices import check_threshold
from cafct_keras.prediction.segmenter import Segmenter
from cafct_keras.prediction.smoothing import check_smoothing
from pipelines.scans.writers import MASK_FORMATS

Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One of several jobs that share the scans of a list.

    Attributes:
        number: of this job, from 1.
        count: number of jobs.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Part":
        """The part that a text such as `"2/8"` names.

        Raises:
            UserError: it names none.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise UserError(f"`part` {text}: give the number of this job and of all jobs, such as 2/8")
        return cls(number=int(match[1]), count=int(match[2]))

    def of(self, items: Sequence[Item]) -> Sequence[Item]:
        """Every `count`-th item, so that parts take about equally long."""
        return items[self.number - 1 :: self.count]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Options of a segmentation job.

    Attributes:
        runs: run folders or `.keras` files in them; the mean of their probabilities is taken.
        inputs: files and folders of scans, see `pipelines.scans.find_scans`.
        reading: what is stated about PNG slices, see there.
        out: folder for the results.
        formats: of the masks, some of `pipelines.scans.writers.MASK_FORMATS`; none for that of each scan.
        probability: write probabilities too.
        preview: write a picture of each case.
        measurements: write volumes, tumour burden and the size and place of each lesion.
        page: write `cases.html`.
        threshold: a pixel is foreground where its probability exceeds it; None for the run's choice, or 0.5.
        postprocessing: steps applied to the masks; None for the run's choice, or none.
        smooth_slices: standard deviation of the smoothing across slices; None for the run's choice, or 0.
        within: run whose liver confines the lesions; None for none.
        tta: average over the flips that the runs were trained to be invariant to.
        engine, precision: see `Segmenter`.
        batch_size: slices per batch.
        keep_going: leave out scans that cannot be segmented, and report them.
        part: which of the scans are this job's; None for all.
        overwrite: replace results that were made otherwise.
        beam_options: pipeline options of Apache Beam to run on it, such as `"runner=FlinkRunner"`; its workers read
            and write the paths of this process. None to use this process.

    Raises:
        UserError: a value is invalid.
    """

    runs: tuple[str, ...]
    inputs: tuple[str, ...]
    out: str
    reading: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    formats: tuple[str, ...] = ()
    probability: bool = False
    preview: bool = False
    measurements: bool = False
    page: bool = False
    threshold: float | None = None
    postprocessing: PostProcessing | None = None
    smooth_slices: float | None = None
    within: str | None = None
    tta: bool = False
    engine: str = "auto"
    precision: str = "auto"
    batch_size: int = 8
    keep_going: bool = False
    part: Part | None = None
    overwrite: bool = False
    beam_options: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if unknown := [name for name in self.formats if name not in MASK_FORMATS]:
            raise UserError(f"`formats` {unknown[0]}: unknown; give {', '.join(MASK_FORMATS)}")
        for option, value, known in (("engine", self.engine, ENGINES), ("precision", self.precision, PRECISIONS)):
            if value not in ("auto", *known):
                raise UserError(f"`{option}` {value}: unknown; give auto, {', '.join(known)}")
        check_threshold(self.threshold)
        if self.smooth_slices is not None:
            check_smoothing(self.smooth_slices)
        if self.batch_size < 1:
            raise UserError(f"`batch_size` {self.batch_size}: give 1 or more")
        if self.part is not None and self.beam_options is not None:
            raise UserError("`part`: does not go with `beam_options`, which spread the scans themselves")

    def segmenter(self) -> Segmenter:
        """What segments the scans."""
        names = ("threshold", "postprocessing", "smooth_slices", "within", "tta", "engine", "precision", "batch_size")
        return Segmenter(self.runs, **{name: getattr(self, name) for name in names})

    @property
    def outputs(self) -> dict[str, list[str] | bool]:
        """Which files a case has."""
        flags = {name: getattr(self, name) for name in ("probability", "preview", "measurements", "page")}
        return {"formats": sorted(set(self.formats)), **flags}
