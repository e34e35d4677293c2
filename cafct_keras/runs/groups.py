"""Groups of the options of a training run."""

import dataclasses
from typing import Any

from cafct_keras.runs.fields import Group, option
from pipelines.loading.augmentation import Augmentation
from pipelines.loading.cache import CACHES
from pipelines.loading.sampling import Sampling
from pipelines.preprocessing import LARGEST

TARGETS = ("lesion", "liver", "both")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
SCHEDULES = ("cosine", "poly", "constant")
SELECTION_RULES = ("per_case_positive", "per_slice_positive", "pooled")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig(Group):
    """Data, and how slices are made from them.

    Progressive resizing trains the first epochs on smaller slices, which takes less time (Howard, 2018, for DAWNBench;
    Tan and Le, EfficientNetV2, ICML 2021). They are validated at that size too, so that the best epoch is one of the
    others.
    """

    path: str = option(
        "phantom (synthetic CT), or a folder in any layout (./phantom).",
        "phantom",
        name="data",
        metavar="DIR",
        changeable=True,  # the fingerprint tells whether they are the same
    )
    layout: str | None = option("Layout of the folder, such as nifti or dicom.  [default: detected]", metavar="NAME")
    patient_pattern: str | None = option("Regular expression whose first group is the patient in a slice's name.")
    labels: tuple[str, ...] = option(
        "Labels of a target in the masks of a paired folder, such as liver=1,2 and lesion=2; may be repeated.  "
        "[default: 0 and 1, or 0 and 255; or as here]",
        (),
        flag="--label",
        metavar="NAME=LABELS",
    )
    slice_step: int | None = option(
        "Difference of the numbers of neighbouring slices in a paired folder.  [default: 1]", minimum=1
    )
    grey_window: tuple[float, float] | None = option(
        "HU that black and white stand for in the slices of a paired folder; predict needs it for CT.  "
        "[default: unknown]",
        metavar="LOW HIGH",
    )
    orientation: str | None = option(
        "Directions of the slices, rows and columns of a paired folder, such as SPL for slices from the feet up, the "
        "spine at the bottom and the liver on the left.  [default: unknown]"
    )
    target: str = option("What to segment; both has two output channels, liver first.", "lesion", choices=TARGETS)
    window: tuple[float, float] = option("Window in HU, for data in HU.", metavar="LOW HIGH", by_data=True)
    size: int = option(
        "Height and width in pixels, a multiple of 32.", minimum=32, maximum=LARGEST["size"], by_data=True
    )
    first_size: int | None = option(
        "Height and width in the first epochs, for speed: progressive resizing.  [default: none]", minimum=32
    )
    first_epochs: int | None = option("Number of these epochs; fewer than all.", minimum=1)
    context: int = option(
        "Neighbouring slices on either side that the model sees too (2.5-D).", 0, minimum=0, maximum=LARGEST["context"]
    )
    cache: str = option(
        "Where slices are kept: in memory, in a temporary file, or in files that later runs map instead of reading the "
        "data.",
        "ram",
        choices=CACHES,
        changeable=True,
    )
    foreground_fraction: float | None = option(
        "Fraction of each batch that contains the target.  [default: as in the data]", above=0, below=1
    )
    liver_fraction: float | None = option(
        "Fraction of each batch with liver but no lesion, of both.  [default: as in the data]", above=0, below=1
    )
    patient_exponent: float = option(
        "Draw patients by their number of slices to this power: 1 as in the data, 0 equally often.",
        1.0,
        minimum=0,
        maximum=1,
    )
    size_exponent: float = option(
        "Likewise lesion sizes of a patient: 1 as in the data, 0 equally often.", 1.0, minimum=0, maximum=1
    )
    fold: str | None = option(
        "Validate on fold K, from 0, of N folds of all but the test patients.  [default: the split of the data]",
        metavar="K/N",
    )
    hard_negative_weight: float = option(
        "Draw slices without the target in which the model saw it this many times as often as others.", 1.0, minimum=1
    )
    hard_negative_epochs: int = option("Epochs after which these are searched for again.", 5, minimum=1)
    validation: bool = option(
        "Choose the best epoch on validation cases, or train on them too and keep the last epoch.", True
    )
    augmentation: Augmentation = option("Random changes to training slices.")

    @property
    def sampling(self) -> Sampling:
        """How often training slices are drawn.

        Raises:
            DataError: fractions do not go together.
        """
        return Sampling(**{field.name: getattr(self, field.name) for field in dataclasses.fields(Sampling)})

    @property
    def reading(self) -> dict[str, Any]:
        """How the folder is read: arguments of `pipelines.open_source`."""
        names = ("layout", "patient_pattern", "labels", "slice_step", "grey_window", "orientation", "fold")
        return {name: getattr(self, name) for name in names}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig(Group):
    """The model and its initial weights."""

    name: str = option(
        "The network, such as cafct_net or unet; an unknown name lists all.", "cafct_net", name="model", metavar="NAME"
    )
    preset: str | None = option(
        "Size of the model.  [default: base; phantom: tiny]", metavar="tiny|mini|small|base|large", by_data=True
    )
    options: dict = option(
        "Argument of the model's builder, such as fusion=concat; may be repeated.",
        dict,
        name="model_options",
        flag="--model-option",
        metavar="NAME=VALUE",
    )
    prior: float = option(
        "Fraction of foreground that the untrained model predicts.  [default: 0.01; liver: 0.5]", above=0, below=1
    )
    precision: str = option("Precision: a Keras dtype policy.", "float32", choices=PRECISIONS)
    init: str | None = option(
        "Initialize from this run folder, .keras file or published model, perhaps of other targets and context.",
        metavar="RUN",
    )
    init_patients: str | None = option(
        "CSV with the columns init and patient: names in the data of `init` and here, to report patients of both.",
        metavar="FILE",
    )
    weights: tuple[str, ...] = option(
        "Initialize encoders from this file (see import-weights) and normalize images as on ImageNet; repeatable.",
        (),
        metavar="FILE",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Group):
    """The optimizer, its schedule, and how long it runs."""

    name: str = option("The optimizer.", name="optimizer", metavar="sgd|nesterov|adam|adamw|optax:NAME")
    learning_rate: float = option("Peak learning rate.", above=0)
    momentum: float | None = option("Momentum of sgd and nesterov.", minimum=0, below=1)
    weight_decay: float | None = option("Decoupled weight decay of sgd, nesterov, adamw and some of optax.", minimum=0)
    clip_norm: float | None = option("Clip gradients to this global norm.  [default: none; phantom: 1]", above=0)
    schedule: str = option(
        "Decay of the learning rate: cosine to a hundredth of the peak, poly to 0.", choices=SCHEDULES
    )
    warmup_epochs: float = option("Epochs of linear warm-up before a cosine.", minimum=0)
    epochs: int = option("Passes over the training slices.", minimum=1, changeable=True, by_data=True)
    batch_size: int = option("Slices per step.", minimum=1, maximum=1 << 20)
    accumulate: int = option(
        "Compute each batch in this many parts, and again for the gradient, in memory for one; needs JAX.", 1, minimum=1
    )
    ema_decay: float | None = option(
        "Validate and keep an exponential moving average of the weights with this decay per step, such as 0.999.",
        above=0,
        below=1,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossConfig(Group):
    """The loss, see `BCEDiceLoss`."""

    bce_weight: float = option("Weight of the cross-entropy in the loss.", minimum=0)
    dice_weight: float = option("Weight of the Dice loss.", minimum=0)
    tversky: tuple[float, float] | None = option(
        "Tversky loss in place of the Dice: weights of false positives and false negatives, such as 0.3 0.7.",
        metavar="FP FN",
    )
    focal_gamma: float = option("Focal Dice or Tversky loss: its root of this order, such as 1.33.", 1.0, minimum=1)
    target_weights: tuple[float, float] | None = option(
        "Weights of the two targets of both in the loss.", metavar="LIVER LESION"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelectionConfig(Group):
    """Choice of the best epoch, by the Dice of the validation part; of two targets, by the lesion's.

    A pooled Dice is that of the scans with the largest lesions, and one epoch's score is noisy where few scans are
    validated on. nnU-Net (Isensee et al., Nature Methods 18, 2021) therefore smooths its validation Dice over epochs
    too, exponentially.
    """

    rule: str = option(
        "Choose the best epoch by the Dice of this rule: the mean over cases or over slices that show the target, or "
        "that of all pixels.",
        name="select_by",
        choices=SELECTION_RULES,
        by_data=True,
    )
    average: int = option(
        "Choose the best epoch by the mean of that Dice over this many epochs, itself and those before it.",
        1,
        name="select_average",
        minimum=1,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SessionConfig(Group):
    """One start of a run: a resumed run takes these from the command that resumes it."""

    checkpoint_every: str = option(
        "Time between checkpoints, such as 90s, 30m or 2h, or a number of steps.", "5m", metavar="TIME|STEPS"
    )
    time_limit: str | None = option(
        "Stop after this time (90s, 30m, 2h) as at a signal, to be resumed.", metavar="TIME"
    )
    devices: int = option("Devices per process that share every batch.", 1, minimum=1)
    coordinator: str | None = option("Address at which the first of several processes listens.", metavar="HOST:PORT")
    processes: int | None = option("Number of processes.  [default: from SLURM or Open MPI]", minimum=1)
    process_id: int | None = option("Index of this process, from 0.  [default: from SLURM or Open MPI]", minimum=0)
