"""What can be chosen for a training run, and what is chosen where nothing is said."""

import dataclasses
import pathlib

from cafct_keras.errors import UserError
from cafct_keras.models import list_models, list_presets
from cafct_keras.models.inputs import STRIDE
from cafct_keras.models.registry import needs_context
from cafct_keras.runtime.precision import PRECISIONS
from cafct_keras.training.durations import Interval, seconds
from cafct_keras.training.recipes import RECIPES, defaults
from cafct_keras.weights.loading import arguments_for
from pipelines.loading.augmentation import Augmentation

TARGETS = ("lesion", "liver", "both")
SCHEDULES = ("cosine", "poly", "constant")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitOptions:
    """Options of a training run. None means: what the recipe says, see `cafct_keras.training.recipes`.

    Attributes:
        data: `"phantom"`, or a folder of images and masks.
        target: `"lesion"`, `"liver"` or `"both"` (two output channels, liver first).
        patient_pattern: regular expression whose first group is the patient in a slice's name; None to find out.
        layout: of the data folder, one of `pipelines.LAYOUTS`; None to find out.
        window: Hounsfield units shown as black and as white, for data in HU.
        model, preset: the network, see `create_model`.
        model_options: further arguments of the network's builder.
        size: H and W in pixels, a multiple of 32.
        context: neighbouring slices on either side that the network sees too (2.5-D); 0 for the slice alone.
        cache: `"ram"` to keep all slices in memory, `"none"` to keep them in a file.
        foreground_fraction: share of training slices that show the target; None for as they come.
        recipe: `"paper"`, by which every network is trained alike, or `"own"`, the network's published one.
        epochs: passes over the training slices.
        batch_size: slices a step.
        optimizer, momentum, weight_decay, clip_norm: see `make_optimizer`.
        learning_rate: the peak.
        schedule: `"cosine"` to a hundredth of the peak, `"poly"` to 0, or `"constant"`.
        warmup_epochs: epochs of linear rise before a cosine.
        bce_weight, dice_weight: of the two parts of the loss, see `BCEDiceLoss`.
        augmentation: random changes to training slices.
        prior: share of foreground that the untrained network predicts; None for 0.01 for lesions and 0.5 for the liver.
        validation: whether the best epoch is chosen by the validation slices; otherwise they are trained on, too, and
            the last epoch is kept.
        precision: Keras dtype policy.
        seed: of everything random, 0 to 2^32 - 1.
        init: run folder or `.keras` file whose weights training begins with.
        weights: files of initial weights, see `load_weights`; `cafct_keras.weights.loading.arguments_for` says what
            they add to `model_options`.
        out: run folder to make; None for `runs/` and a name that is free.
        checkpoint_every: steps between checkpoints, or a length of time such as `"5m"`.
        time_limit: length of time after which the run stops by itself, so that it can go on; None for none.
        deterministic: whether GPUs are kept from adding up in an order of chance; CPUs never do.
        devices: that share every batch, of each process.
        coordinator, processes, process_id: where the first process listens (`HOST:PORT`), how many there are and which
            this one is; None for one process alone.
    """

    data: str = "phantom"
    target: str = "lesion"
    patient_pattern: str | None = None
    layout: str | None = None
    window: tuple[float, float] | None = None
    model: str = "cafct_net"
    preset: str | None = None
    model_options: dict = dataclasses.field(default_factory=dict)
    size: int | None = None
    context: int = 0
    cache: str = "ram"
    foreground_fraction: float | None = None
    recipe: str = "paper"
    epochs: int | None = None
    batch_size: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    clip_norm: float | None = None
    schedule: str | None = None
    warmup_epochs: float | None = None
    bce_weight: float | None = None
    dice_weight: float | None = None
    augmentation: Augmentation | None = None
    prior: float | None = None
    validation: bool = True
    precision: str = "float32"
    seed: int = 0
    init: str | None = None
    weights: tuple[str, ...] = ()
    out: str | None = None
    checkpoint_every: str = "5m"
    time_limit: str | None = None
    deterministic: bool = False
    devices: int = 1
    coordinator: str | None = None
    processes: int | None = None
    process_id: int | None = None

    def resolved(self):
        """These options with every None decided and everything checked that needs no data.

        Raises:
            UserError: for a value that cannot be.
        """
        _one_of("--model", self.model, list_models())
        _one_of("--recipe", self.recipe, RECIPES)
        recipe = defaults(data=self.data, model=self.model, recipe=self.recipe)
        known = {name: value for name, value in recipe.items() if getattr(self, name) is None}
        if "warmup_epochs" in known:
            # A run of an epoch or two is no place for an epoch of warm-up.
            known["warmup_epochs"] = min(known["warmup_epochs"], known.get("epochs", self.epochs) / 4)
            if known.get("schedule", self.schedule) != "cosine":
                known["warmup_epochs"] = 0.0
        if self.prior is None:
            known["prior"] = 0.5 if self.target == "liver" else 0.01
        known["model_options"] = {**arguments_for(self.model, self.weights), **self.model_options}
        if self.out is None:
            known["out"] = _free_name(self.data, self.target)
        options = dataclasses.replace(self, **known)
        options._check()
        return options

    def _check(self):
        _one_of("--target", self.target, TARGETS)
        if self.preset is not None:
            _one_of("--preset", self.preset, list_presets(self.model))
        if needs_context(self.model) and not self.context:
            raise UserError(
                f"--model {self.model}: sees a slice among its neighbours; give --context 3 for seven slices"
            )
        _one_of("--precision", self.precision, PRECISIONS)
        _one_of("--schedule", self.schedule, SCHEDULES)
        if self.size < STRIDE or self.size % STRIDE:
            raise UserError(f"--size {self.size}: give a multiple of {STRIDE}")
        self.check_session()
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise UserError(f"--clip-norm {self.clip_norm:g}: give a length above 0, or leave it out")
        if not 0 < self.prior < 1:
            raise UserError(f"--prior {self.prior}: give a share between 0 and 1")
        if not 0 <= self.warmup_epochs < self.epochs:
            raise UserError(f"--warmup-epochs {self.warmup_epochs:g}: give 0 or more and fewer than --epochs")
        if self.warmup_epochs and self.schedule != "cosine":
            raise UserError(f"--warmup-epochs {self.warmup_epochs:g}: goes with --schedule cosine alone")
        if min(self.bce_weight, self.dice_weight) < 0 or not self.bce_weight + self.dice_weight:
            raise UserError(
                f"--bce-weight {self.bce_weight:g} --dice-weight {self.dice_weight:g}: give 0 or more, and one above 0"
            )
        if self.init is not None and self.weights:
            raise UserError("--init and --weights: give one of them")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"--seed {self.seed}: give 0 to {2**32 - 1}")

    def check_session(self):
        """Checks those of the options that a run may be continued with.

        Raises:
            UserError: for a value that cannot be.
        """
        if self.epochs < 1:
            raise UserError(f"--epochs {self.epochs}: give 1 or more")
        Interval("--checkpoint-every", self.checkpoint_every)
        if self.time_limit is not None:
            seconds("--time-limit", self.time_limit)
        if self.devices < 1:
            raise UserError(f"--devices {self.devices}: give 1 or more")


def _one_of(option, value, known):
    if value not in known:
        raise UserError(f"{option} {value}: unknown; give {', '.join(known)}")


def _free_name(data, target):
    """`runs/DATA-TARGET-N` with the first N that is free."""
    stem = pathlib.Path(data).resolve().name
    number = 1
    while (path := pathlib.Path("runs") / f"{stem}-{target}-{number}").exists():
        number += 1
    return str(path)
