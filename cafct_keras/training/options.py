"""What can be chosen for a training run, and what is chosen where nothing is said."""

import dataclasses
import pathlib

from cafct_keras.errors import UserError
from cafct_keras.models import list_models, list_presets
from cafct_keras.models.inputs import STRIDE
from cafct_keras.precision import PRECISIONS
from cafct_keras.training.intervals import Interval, seconds
from pipelines.augmentation import Augmentation

TARGETS = ("lesion", "liver", "both")
SCHEDULES = ("cosine", "constant")

# The paper's section 3.2 (SGD, 1e-3, batch 8, 256x256), and for what it leaves open the defaults of the training code
# its wording follows: 100 epochs, momentum 0.9, weight decay 1e-4, cosine to 1e-5, no augmentation.
PAPER = {
    "preset": None,
    "size": 256,
    "epochs": 100,
    "batch_size": 8,
    "optimizer": "sgd",
    "learning_rate": 1e-3,
    "warmup_epochs": 0.0,
    "clip_norm": None,
    "window": (-200.0, 250.0),
    "augmentation": Augmentation(),
}
# The phantom is for a first look on a CPU: a small network at half the size, a window narrow enough to show its
# lesions, and small batches and an optimiser that are there in minutes, without a bad batch that throws them back.
PHANTOM = {
    "preset": "tiny",
    "size": 128,
    "epochs": 18,
    "batch_size": 4,
    "optimizer": "adamw",
    "learning_rate": 3e-3,
    "warmup_epochs": 1.0,
    "clip_norm": 1.0,
    "window": (-20.0, 180.0),
    "augmentation": Augmentation(flip=True),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitOptions:
    """Options of a training run. None means: the paper's value, or on the phantom one that suits it.

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
        epochs: passes over the training slices.
        batch_size: slices a step.
        optimizer, momentum, weight_decay, clip_norm: see `make_optimizer`.
        learning_rate: the peak.
        schedule: `"cosine"` to a hundredth of the peak, or `"constant"`.
        warmup_epochs: epochs of linear rise before.
        augmentation: random changes to training slices.
        prior: share of foreground that the untrained network predicts; None for 0.01 for lesions and 0.5 for the liver.
        precision: Keras dtype policy.
        seed: of everything random, 0 to 2^32 - 1.
        init: run folder or `.keras` file whose weights training begins with.
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
    epochs: int | None = None
    batch_size: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    momentum: float = 0.9
    weight_decay: float = 1e-4
    clip_norm: float | None = None
    schedule: str = "cosine"
    warmup_epochs: float | None = None
    augmentation: Augmentation | None = None
    prior: float | None = None
    precision: str = "float32"
    seed: int = 0
    init: str | None = None
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
        defaults = PHANTOM if self.data == "phantom" else PAPER
        known = {name: value for name, value in defaults.items() if getattr(self, name) is None}
        if "warmup_epochs" in known:
            # A run of an epoch or two is no place for an epoch of warm-up.
            known["warmup_epochs"] = min(known["warmup_epochs"], known.get("epochs", self.epochs) / 4)
        if self.prior is None:
            known["prior"] = 0.5 if self.target == "liver" else 0.01
        if self.out is None:
            known["out"] = _free_name(self.data, self.target)
        options = dataclasses.replace(self, **known)
        options._check()
        return options

    def _check(self):
        _one_of("--target", self.target, TARGETS)
        _one_of("--model", self.model, list_models())
        if self.preset is not None:
            _one_of("--preset", self.preset, list_presets(self.model))
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
