"""Scoring of folders of masks, one for each method, against one folder of references."""

import contextlib
import dataclasses
import math
import pathlib
from collections.abc import Generator, Mapping, Sequence

from rich.console import Console

from cafct_keras.errors import UserError
from cafct_keras.evaluation.accumulator import Accumulator
from cafct_keras.evaluation.lits_sheet import NO_VOLUMES
from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.evaluation.results import Evaluation, MaskData
from cafct_keras.runtime.progress import track
from pipelines.errors import DataError
from pipelines.findings import listed
from pipelines.loading.processes import map_processes
from pipelines.loading.read_ahead import read_ahead
from pipelines.masks.folders import ERROR, MISSING, MaskFolders, MaskPair, Remarks
from pipelines.masks.labels import MaskLabels
from pipelines.natural import natural_sort_key


def score_folders(
    predictions: Mapping[str, str | pathlib.Path],
    reference: str | pathlib.Path,
    *,
    labels: Sequence[str] = (),
    patient_pattern: str | None = None,
    spacing: tuple[float, float, float] | None = None,
    match: str | None = None,
    pairs: str | pathlib.Path | None = None,
    missing: str = ERROR,
    scoring: ScoreOptions | None = None,
    keep_going: bool = False,
    jobs: int = 1,
    seed: int = 0,
    console: Console | None = None,
    quiet: bool = False,
) -> list[Evaluation]:
    """Scores the masks of one or more methods on the same cases.

    Args:
        predictions: name of each method to its folder of masks, see `MaskFolders`.
        reference: folder of the reference masks.
        labels: see `MaskLabels`.
        patient_pattern: regular expression that finds the patient in a file's name, see `MaskFolders`.
        spacing: of PNG slices, mm along (slice, row, column).
        match: regular expression that finds what the names of prediction and reference share, see `MaskFolders`.
        pairs: table of the names of each prediction and its reference, instead.
        missing: what a missing prediction is, `"error"` or `"miss"`, an empty one.
        scoring: choices behind the scores; None for the defaults.
        keep_going: score what can be scored by every method; the rest is in the documents' `failures`.
        jobs: number of processes, 1 or more, each with one case at a time in memory; see `map_processes`.
        seed: of the bootstrap.
        console: where to report progress to; None for the standard output.
        quiet: plain lines even on a terminal.

    Returns:
        One evaluation per method, in their order.

    Raises:
        DataError, UserError: a folder, an argument or, unless `keep_going`, a file is invalid.
    """
    if not predictions or jobs < 1:
        raise UserError(
            "`predictions`: give one folder at least" if not predictions else f"`jobs` {jobs}: give 1 or more"
        )
    if missing not in MISSING:
        raise UserError(f"`missing` {missing}: give error or miss")
    if spacing is not None and not all(0 < length < math.inf for length in spacing):
        raise UserError(f"`spacing` {' '.join(f'{length:g}' for length in spacing)}: give three lengths above 0, in mm")
    named = MaskLabels(labels)
    methods = [
        MaskFolders(
            folder,
            reference,
            labels=named,
            patient_pattern=patient_pattern,
            spacing=spacing,
            match=match,
            pairs=pairs,
            missing=missing,
        )
        for folder in predictions.values()
    ]
    if scoring is not None and scoring.sheet and spacing is None and any(each.kind == "PNG" for each in methods):
        raise UserError(NO_VOLUMES)
    work = _Cases(methods=methods, labels=named, scoring=scoring)
    problems = {name: problem for folders in methods for name, problem in folders.problems.items()}
    if problems and not keep_going:
        raise DataError(next(iter(problems.values())))  # before the cases in front of it take hours
    failures: list[dict[str, str]] | None = [] if keep_going else None
    total = len(work.names) - len(problems)
    jobs = min(jobs, len(work.names))
    gathered = work.empty()
    remarks: list[list[Remarks]] = [[] for _ in methods]
    # Closed, so that an interruption here ends the other processes at once, not when they are collected.
    with contextlib.closing(work.scored(failures, jobs=jobs)) as cases:
        for scored in track(cases, total=total, what="scoring", console=console, quiet=quiet):
            for whole, said, (case, remark) in zip(gathered, remarks, scored, strict=True):
                whole.absorb(case)
                said.append(remark)
    return [
        accumulator.evaluation(
            name=name,
            title=f"{name} against {pathlib.Path(reference).resolve().name}",
            data=MaskData(
                layout=f"{folders.kind} masks",
                prediction=str(folder),
                reference=str(reference),
                labels={target: list(values) for target, values in named.labels.items()},
                targets=list(named.targets),
                patients=folders.patients_by,
                warnings=[*named.notes, *folders.notes, *_warnings(said)],
            ),
            seed=seed,
            failures=failures or (),
        )
        for (name, folder), folders, accumulator, said in zip(
            predictions.items(), methods, gathered, remarks, strict=True
        )
    ]


def _warnings(remarks: Sequence[Remarks]) -> list[str]:
    """Lines about labels that nobody named and masks that lie beside each other."""
    lines = []
    if unnamed := sorted(set().union(*(remark.unnamed for remark in remarks))):
        files = sum(bool(remark.unnamed) for remark in remarks)
        of = "case" if files == 1 else "cases"
        lines.append(f"labels that belong to no target count as background: {listed(unnamed)} (in {files} {of})")
    for side, name in sorted(set().union(*(remark.absent for remark in remarks))):
        files = sum((side, name) in remark.absent for remark in remarks)
        lines.append(f"no {name} among the named segments of {files} {side} {'file' if files == 1 else 'files'}: empty")
    if beside := [remark.beside for remark in remarks if remark.beside]:
        most = f"up to {max(beside):.2f} of a voxel beside their references"
        lines.append(f"geometry: predictions lie {most} ({len(beside)} cases)")
    return lines


Scored = list[tuple[Accumulator, Remarks]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Cases:
    """The cases of all methods."""

    methods: list[MaskFolders]
    labels: MaskLabels
    scoring: ScoreOptions | None

    @property
    def names(self) -> list[str]:
        """Of all cases, also of those that some method lacks."""
        return sorted({name for folders in self.methods for name in folders.cases}, key=natural_sort_key)

    def empty(self) -> list[Accumulator]:
        """An accumulator for each method."""
        return [Accumulator(targets=self.labels.targets, scoring=self.scoring) for _ in self.methods]

    def scored(self, failures: list[dict[str, str]] | None, *, jobs: int) -> Generator[Scored, None, None]:
        """Yields the accumulators of every case, one for each method."""
        if jobs > 1:
            yield from map_processes(self, self.names, jobs=jobs, failures=failures)
        else:
            yield from map(self._score, read_ahead(self._read, self.names, failures=failures))

    def __call__(self, name: str) -> Scored:
        """Reads and scores one case."""
        return self._score(self._read(name))

    def _read(self, name: str) -> list[MaskPair]:
        for folders in self.methods:
            if name in folders.problems:
                raise DataError(folders.problems[name])
        return [folders.pair(name) for folders in self.methods]

    def _score(self, pairs: list[MaskPair]) -> Scored:
        accumulators = self.empty()
        for accumulator, pair in zip(accumulators, pairs, strict=True):
            accumulator.add(**{name: value for name, value in vars(pair).items() if name != "remarks"})
        return [(accumulator, pair.remarks) for accumulator, pair in zip(accumulators, pairs, strict=True)]
