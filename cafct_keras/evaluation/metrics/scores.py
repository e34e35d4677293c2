"""Scores of one case: the few numbers that everything else is computed from."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from cafct_keras.errors import UserError
from cafct_keras.evaluation.metrics.burden import Burden, tumour_burden
from cafct_keras.evaluation.metrics.lesions import LesionScores, match_lesions
from cafct_keras.evaluation.metrics.masks import as_spacing, as_stack
from cafct_keras.evaluation.metrics.objects import found_lesions, organ_objects
from cafct_keras.evaluation.metrics.options import ScoreOptions
from cafct_keras.evaluation.metrics.overlap import Counts, count
from cafct_keras.evaluation.metrics.surface import SurfaceScores, surface_scores
from cafct_keras.packed import Mask

Masks = npt.ArrayLike | Mapping[str, npt.ArrayLike]

ORGANS = ("liver",)  # one per patient, so there is nothing to detect


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetScore:
    """Scores of one target of one case.

    Attributes:
        counts: pixel counts, slice by slice.
        surface: surface distances, of the volume or slice by slice; None for a case that counts in overlap only.
        lesions: detection; None for an organ, likewise.
        objects: measures of the organ, or of the lesions found, one by one, see `metrics.objects`; None without
            `sheet`, and for what is not a volume of known spacing.
    """

    counts: Counts
    surface: SurfaceScores | None
    lesions: LesionScores | None
    objects: dict[str, np.ndarray] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaseScore:
    """Scores of one case: no masks, some tens of bytes per slice.

    Attributes:
        case: its name.
        patient: its patient.
        spacing: millimetres along (slice, row, column); None if unknown.
        contiguous: whether its slices are neighbours in one volume.
        slice_names: one per slice.
        targets: name to scores.
        burden: None unless liver and lesion are both scored.
        options: choices behind the scores.
        intensity: what the image's values are, such as `"HU"`; None without an image.
        grid: what pixels were scored, see `score`.
    """

    case: str
    patient: str
    spacing: tuple[float, float, float] | None
    contiguous: bool
    slice_names: tuple[str, ...]
    targets: dict[str, TargetScore]
    burden: Burden | None
    options: ScoreOptions
    intensity: str | None
    grid: str


def score(
    prediction: Masks,
    reference: Masks,
    *,
    case: str,
    patient: str | None = None,
    spacing: Sequence[float] | None = None,
    target: str = "lesion",
    contiguous: bool = True,
    slice_names: Sequence[str] | None = None,
    options: ScoreOptions | None = None,
    images: np.ndarray | None = None,
    intensity: str | None = None,
    grid: str = "masks",
) -> CaseScore:
    """Scores a prediction against a reference.

        case = evaluation.score(prediction, reference, case="study-3", patient="3", spacing=(2.0, 0.7, 0.7))
        evaluation.summarize([case, ...]).targets["lesion"].overlap["per_case_lits"]["dice"].value

    Args:
        prediction: `(slices, H, W)` or `(H, W)`, bool or integers 0 and 1; or a mapping from target to such arrays.
            Tumour burden is scored if it has both `"liver"` and `"lesion"`.
        reference: likewise, of the same shape and targets.
        case: name of the case, in tables and in errors.
        patient: of the case; cases of one patient are resampled together. None for the case's own name.
        spacing: millimetres between voxel centres along (slice, row, column); None if unknown, then distances are in
            pixels, slice by slice.
        target: what the arrays show, if they are not mappings.
        contiguous: whether the slices are neighbours, in order, in one volume. A single `(H, W)` array never is.
        slice_names: one per slice; None for their numbers.
        options: choices behind lesions and surface distances; None for the defaults.
        images: `(slices, H, W)` or `(H, W)`, the image that the masks belong to, from which the mean of each lesion is
            taken; None without one.
        intensity: what the image's values are, such as `"HU"`.
        grid: what pixels the masks have, for tables: those of the `"masks"`, those of the data that a run was evaluated
            on (`"native"`), or those of its `"network"`.

    Raises:
        UserError: shapes or targets differ, an array is not a mask, or an argument is invalid.
    """
    if isinstance(prediction, Mapping) != isinstance(reference, Mapping):
        raise UserError(f"{case}: one of prediction and reference is a mapping; give two masks, or a mapping each")
    prediction, reference = (
        masks if isinstance(masks, Mapping) else {target: masks} for masks in (prediction, reference)
    )
    if set(prediction) != set(reference) or not reference:
        listed = [", ".join(sorted(each)) or "nothing" for each in (prediction, reference)]
        raise UserError(f"{case}: the prediction shows {listed[0]}, the reference {listed[1]}; give both the same")
    steps = as_spacing(spacing, case=case)
    contiguous = contiguous and all(np.ndim(mask) == 3 for mask in reference.values())
    masks = {name: _pair(prediction[name], reference[name], name=name, case=case) for name in reference}
    shapes = {pair[1].shape for pair in masks.values()}
    if len(shapes) > 1:
        raise UserError(f"{case}: its targets have shapes {sorted(shapes)}; give masks of one shape")
    slices = shapes.pop()[0]
    names = tuple(map(str, range(slices) if slice_names is None else slice_names))
    if len(names) != slices:
        raise UserError(f"{case}: {len(names)} slice_names for {slices} slices; give one for each")
    options = options or ScoreOptions()
    if images is not None:
        images = np.reshape(images, (slices, *np.shape(images)[-2:]))
        if images.shape != masks[next(iter(masks))][1].shape:
            raise UserError(f"{case}: images of shape {images.shape} for masks of another; give those of the masks")
    burden = None
    if {"liver", "lesion"} <= set(masks):
        burden = tumour_burden(*({name: masks[name][side] for name in ("liver", "lesion")} for side in (0, 1)))
    return CaseScore(
        case=str(case),
        patient=str(case if patient is None else patient),
        spacing=steps,
        contiguous=contiguous,
        slice_names=names,
        targets={
            name: _target(
                name,
                *map(np.asarray, pair),  # those of one target at a time, if they are packed
                spacing=steps,
                contiguous=contiguous,
                options=options,
                images=images,
            )
            for name, pair in masks.items()
        },
        burden=burden,
        options=options,
        intensity=None if images is None else intensity,
        grid=grid,
    )


def _target(
    name: str,
    prediction: np.ndarray,
    reference: np.ndarray,
    *,
    spacing: tuple[float, float, float] | None,
    contiguous: bool,
    options: ScoreOptions,
    images: np.ndarray | None,
) -> TargetScore:
    masks = prediction, reference
    counts = count(*masks)
    surface = surface_scores(*masks, spacing=spacing, contiguous=contiguous, options=options)
    lesions = objects = None
    if name not in ORGANS:
        lesions = match_lesions(*masks, spacing=spacing, contiguous=contiguous, options=options, images=images)
    if options.sheet and contiguous and spacing is not None:
        distances = {measure: float(values[0]) for measure, values in surface.values.items()}
        objects = (
            organ_objects(counts, distances)
            if name in ORGANS
            else found_lesions(*masks, spacing=spacing, options=options)
        )
    return TargetScore(counts=counts, surface=surface, lesions=lesions, objects=objects)


def _pair(prediction: npt.ArrayLike, reference: npt.ArrayLike, *, name: str, case: str) -> tuple[Mask, Mask]:
    """Prediction and reference of one target as bool stacks of one shape."""
    shapes = np.shape(prediction), np.shape(reference)
    if shapes[0] != shapes[1]:
        raise UserError(
            f"{case}: {name} has shape {shapes[0]} in the prediction and {shapes[1]} in the reference; "
            "bring the prediction to the reference's grid first"
        )
    return (
        as_stack(prediction, name=f"{case}: prediction of {name}"),
        as_stack(reference, name=f"{case}: reference of {name}"),
    )
