"""How networks are trained where the user does not say: all by the paper's recipe, or each by its own.

An own recipe has what the network's authors published, in their paper or else in their code. Not in it: how long they
trained, for an epoch of theirs is another amount of data; weights from ImageNet that they began with; weight decay with
Adam; and what is said at each.
"""

from cafct_keras.errors import UserError
from pipelines.loading.augmentation import Augmentation

RECIPES = ("paper", "own")

# The paper's section 3.2 (SGD, 1e-3, batch 8, 256x256), and for what it leaves open the defaults of the training code
# its wording follows: 100 epochs, momentum 0.9, weight decay 1e-4, cosine to 1e-5, no augmentation.
PAPER = {
    "preset": None,
    "size": 256,
    "window": (-200.0, 250.0),
    "epochs": 100,
    "batch_size": 8,
    "optimizer": "sgd",
    "learning_rate": 1e-3,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "clip_norm": None,
    "schedule": "cosine",
    "warmup_epochs": 0.0,
    "bce_weight": 1.0,
    "dice_weight": 1.0,
    "augmentation": Augmentation(),
}
# The phantom is for a first look on a CPU: a small network at half the size, a window narrow enough to show its
# lesions, and small batches and an optimiser that are there in minutes, without a bad batch that throws them back. Not
# flipped: a mirrored patient has the liver where the spleen was, and telling the two apart takes longer.
PHANTOM = {
    **PAPER,
    "preset": "tiny",
    "size": 128,
    "window": (-20.0, 180.0),
    "epochs": 18,
    "batch_size": 4,
    "optimizer": "adamw",
    "learning_rate": 3e-3,
    "clip_norm": 1.0,
    "warmup_epochs": 1.0,
}
# What an own recipe leaves to the data.
OF_THE_DATA = ("preset", "size", "window", "epochs")

# Li et al., IEEE TMI 2018, by its released code. Without: class weights in the cross-entropy (background 0.78, liver
# 0.65, tumour 8.57), crops whose centres are drawn from liver and tumour alike.
_DENSE_UNET = {
    "optimizer": "nesterov",
    "weight_decay": 0.0,
    "schedule": "constant",
    "dice_weight": 0.0,
    "augmentation": Augmentation(flip=True, quarter_turns=True, scale=0.2),
}
# Name of a network to how its own recipe differs from the paper's.
OWN = {
    "cafct_net": {},
    # Ronneberger et al., MICCAI 2015, section 3. Without: weights that set touching cells apart, elastic deformation.
    "unet": {"batch_size": 1, "momentum": 0.99, "schedule": "constant", "dice_weight": 0.0},
    # Zhou et al., DLMIA 2018, section 3.
    "unet_plus_plus": {"optimizer": "adam", "learning_rate": 3e-4, "schedule": "constant", "bce_weight": 0.5},
    # Oktay et al., MIDL 2018, section 3, and its released configuration for abdominal CT. Without: deep supervision.
    "attention_unet": {
        "batch_size": 2,
        "optimizer": "adam",
        "learning_rate": 1e-4,
        "schedule": "constant",
        "bce_weight": 0.0,
        "augmentation": Augmentation(flip=True, rotation=15.0, scale=0.3, shift=0.1),
    },
    # Chen et al., ECCV 2018, section 4; weight decay and range of scales from its released code, up to 2 there.
    "deeplab_v3_plus": {
        "batch_size": 16,
        "learning_rate": 7e-3,
        "weight_decay": 4e-5,
        "schedule": "poly",
        "dice_weight": 0.0,
        "augmentation": Augmentation(flip=True, scale=0.5),
    },
    "dense_unet": {**_DENSE_UNET, "batch_size": 40},
    "h_dense_unet": {**_DENSE_UNET, "batch_size": 1},
    # Jha et al., ISBI 2024, section 4, and its released code. Without: a learning rate that falls where the validation
    # loss does not, cutout.
    "pvtformer": {
        "batch_size": 16,
        "optimizer": "adam",
        "learning_rate": 1e-4,
        "schedule": "constant",
        "augmentation": Augmentation(flip=True, rotation=35.0),
    },
    # Yuan et al., Pattern Recognition 136, 2023, by its released code.
    "ctc_net": {
        "batch_size": 24,
        "learning_rate": 0.05,
        "momentum": 0.99,
        "weight_decay": 3e-4,
        "schedule": "poly",
        "bce_weight": 0.3,
        "dice_weight": 0.7,
        "augmentation": Augmentation(flip=True, quarter_turns=True, rotation=20.0),
    },
}


def defaults(*, data, model, recipe):
    """The values of all options that a recipe decides.

    Args:
        data: `"phantom"`, or a folder.
        model: name of the network.
        recipe: `"paper"`, the same for every network (on the phantom, one that suits it), or `"own"`.

    Returns:
        Name of an option to its value.

    Raises:
        UserError: for the own recipe of a network that has none.
    """
    common = PHANTOM if data == "phantom" else PAPER
    if recipe == "paper":
        return common
    if model not in OWN:
        raise UserError(f"--recipe own: none is known for {model}; give paper, and the options that you want")
    return {**PAPER, **OWN[model], **{name: common[name] for name in OF_THE_DATA}}
