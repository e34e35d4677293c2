"""Segmentation of scans with trained networks."""

import pathlib
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any

from cafct_keras.postprocessing import PostProcessing
from cafct_keras.prediction.cases import CaseInput, CasePrediction
from cafct_keras.prediction.choices import find_choices
from cafct_keras.prediction.ensemble import Ensemble
from cafct_keras.prediction.network import Network
from cafct_keras.prediction.segmentation import Segmentation, labels_of
from cafct_keras.prediction.stream import CasePredictor, predict_cases
from cafct_keras.prediction.within import WithinLiver
from cafct_keras.runtime.versions import versions
from pipelines.loading.read_ahead import read_ahead
from pipelines.scans import Scan
from pipelines.scans.suitability import check_intensity, check_suitable
from pipelines.scans.writers import Algorithm

Path = str | pathlib.Path


class Segmenter:
    """Segments scans with one or several trained networks.

    The probabilities of several are averaged, each target over the runs that predict it, so that a run for the liver
    and one for lesions together give both. Masks are made with the threshold, smoothing and post-processing that were
    chosen for the runs, see `find_choices`.

    Args:
        runs: run folders, or `.keras` files.
        threshold: a pixel is foreground where its probability exceeds it; None for what was chosen for the runs.
        postprocessing: steps that are applied to the masks; None for what was chosen for the runs.
        smooth_slices: standard deviation, in slices, of the Gaussian that probabilities are smoothed by across slices,
            see `smooth`; 0 for none, None for what was chosen for the runs.
        within: a run that predicts the liver: lesions are predicted in the slices of its liver only, and kept to it,
            see `WithinLiver`.
        tta: average over the flips and quarter turns that each network was trained with.
        engine, precision: what computes the networks, see `load_engine`.
        batch_size: slices per batch.

    Attributes:
        targets: what is segmented: liver, lesion, or both in this order.
        labels_of: target to its label in masks.
        notes: what was chosen and from where, a line each.
        settings: all that the result depends on, as JSON holds it.
        window: Hounsfield units that the first network sees as black and white.

    Raises:
        UserError: a run, a value, or a combination of them is invalid.
    """

    def __init__(
        self,
        runs: Sequence[Path],
        *,
        threshold: float | None = None,
        postprocessing: PostProcessing | None = None,
        smooth_slices: float | None = None,
        within: Path | None = None,
        tta: bool = False,
        engine: str = "auto",
        precision: str = "auto",
        batch_size: int = 8,
    ) -> None:
        computed: dict[str, Any] = {"engine": engine, "precision": precision, "batch_size": batch_size}
        networks = [Network.open(run, **computed) for run in runs]
        ensemble = Ensemble(networks, tta=tta)
        self._predictor: CasePredictor = ensemble
        notes: tuple[str, ...] = ()
        if within is not None:
            liver = Network.open(within, **computed)
            self._predictor = around = WithinLiver(ensemble, liver)
            notes = around.notes
        self.targets = self._predictor.targets
        self.labels_of = labels_of(self.targets)
        chosen = find_choices(
            networks,
            self.targets,
            threshold=threshold,
            postprocessing=postprocessing,
            smooth_slices=smooth_slices,
        )
        self._choices = chosen
        everything = self._predictor.networks
        self._engine = ", ".join(dict.fromkeys(network.engine_name for network in everything))
        doubts = [f"{each.name}: {line}" for each in everything if each.run for line in each.run.warnings]
        engines = dict.fromkeys(network.engine.note for network in everything)
        self.notes = (*doubts, *engines, *notes, *chosen.notes)
        self.window = networks[0].preprocessing.window
        self.settings: dict[str, Any] = {
            "cafct-keras": versions()["cafct-keras"],
            "networks": [network.settings for network in everything],
            "thresholds": chosen.thresholds,
            "smoothing": chosen.smoothing,
            "postprocessing": vars(chosen.postprocessing),
            "within": None if within is None else {"liver": everything[0].name, **around.thresholds},
            "tta": tta,
            "engine": [f"{engine.version} {engine.precision}" for engine in (each.engine for each in everything)],
            "batch_size": batch_size,
        }
        self._algorithm = Algorithm(
            name=" + ".join(network.name for network in everything),
            version=self.settings["cafct-keras"],
            parameters={
                f"{name} {target}": f"{value:g}"
                for name, values in (("threshold", chosen.thresholds), ("smoothing", chosen.smoothing))
                for target, value in values.items()
                if value
            },
        )

    def segment(
        self,
        scans: Iterable[Scan],
        *,
        failures: list[dict[str, str]] | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> Generator[Segmentation, None, None]:
        """Segments scans, in their order.

        Threads read scans ahead, predict them, and make masks of their slices as these are predicted, while the caller
        works on the one before: a handful of scans is in memory, however many there are.

        Args:
            scans: with names of their own, see `find_scans`.
            failures: see `read_ahead`.
            on_progress: see `predict_cases`.

        Raises:
            DataError: unless there is a list of `failures`, a scan cannot be read, or does not suit the networks.
        """
        by_name = {scan.name: scan for scan in scans}
        networks = self._predictor.networks
        if failures is None:  # before the scans in front of it take hours
            for scan in by_name.values():
                for network in networks:
                    check_intensity(scan, network.preprocessing)
        warnings: dict[str, tuple[str, ...]] = {}

        def read(name: str) -> CaseInput:
            scan = by_name[name]
            case = scan.read()
            found = [line for network in networks for line in check_suitable(scan, case, network.preprocessing)]
            if len(case.images) > 1 and case.runs is None and any(self._choices.smoothing.values()):
                found.append("its slices are not neighbours, so that they are not smoothed")
            warnings[name] = tuple(dict.fromkeys(found))
            return CaseInput(
                case=case,
                intensity=scan.intensity,
                orientation=scan.orientation,
                grey_window=scan.grey_window,
            )

        def finish(prediction: CasePrediction) -> Segmentation:
            prediction = self._choices.smooth(prediction)
            masks = self._choices.masks(prediction)
            return Segmentation(
                scan=by_name[prediction.case.name],
                case=prediction.case,
                masks={target: masks[target] for target in self.targets},
                probability={target: prediction.probability[target] for target in self.targets},
                algorithm=self._algorithm,
                engine=self._engine,
                warnings=warnings.pop(prediction.case.name),
            )

        cases = read_ahead(read, list(by_name), failures=failures)
        return predict_cases(self._predictor, cases, finish, on_progress=on_progress)
