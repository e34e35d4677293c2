"""CAFCT-Net for liver tumour segmentation in CT, in Keras 3 on JAX, TensorFlow or PyTorch.

    import cafct_keras

    model = cafct_keras.create_model("cafct_net", preset="small")
    model = cafct_keras.load_model("runs/liver")
    probability = model.predict(images)  # float32 (N, H, W, classes) in [0, 1]
    liver = cafct_keras.segment("ct.nii.gz", "runs/liver")  # on the scan's own grid

Importing the package chooses the Keras backend (JAX unless configured otherwise) and registers the classes of its
networks with Keras, so that `keras.saving.load_model` reads them too. The command line does without them until a
command needs Keras.
"""

import importlib
import typing

from cafct_keras.runtime import startup as _startup
from cafct_keras.runtime.command_line import is_command_line as _is_command_line

_startup.prepare()

if typing.TYPE_CHECKING:
    from cafct_keras import evaluation, layers, losses, metrics, models, optimizers
    from cafct_keras.models import CAFCTNet, create_model, list_models
    from cafct_keras.prediction.segment import segment
    from cafct_keras.pretrained import list_pretrained
    from cafct_keras.runs import load_model

__version__ = "0.1.0"

__all__ = [
    "CAFCTNet",
    "__version__",
    "create_model",
    "evaluation",
    "layers",
    "list_models",
    "list_pretrained",
    "load_model",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "segment",
]

_MODULES = ("evaluation", "layers", "losses", "metrics", "models", "optimizers")
_MODULE_OF = {
    "CAFCTNet": "cafct_keras.models",
    "create_model": "cafct_keras.models",
    "list_models": "cafct_keras.models",
    "list_pretrained": "cafct_keras.pretrained",
    "load_model": "cafct_keras.runs",
    "segment": "cafct_keras.prediction.segment",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return importlib.import_module(f"cafct_keras.{name}")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not _is_command_line():
    importlib.import_module("cafct_keras.models")
