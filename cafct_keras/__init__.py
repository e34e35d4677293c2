"""CAFCT-Net for liver tumour segmentation in CT, in Keras 3: JAX by default, the same on TensorFlow and PyTorch.

    import cafct_keras

    model = cafct_keras.create_model("cafct_net", preset="small")
    model = cafct_keras.load_model("runs/liver")
    probability = model.predict(images)  # float32 (N, H, W, classes) in [0, 1]

Importing it loads neither TensorFlow (unless that is the backend) nor matplotlib.
"""

import importlib

from cafct_keras.runtime import backend as _backend
from cafct_keras.runtime import memory_pages as _memory_pages

# Both before Keras is imported, which takes seconds and looks at the environment once.
_memory_pages.restart_command_line()
_backend.choose()

from cafct_keras import layers, losses, metrics, models, optimizers  # noqa: E402
from cafct_keras.models import CAFCTNet, create_model, list_models  # noqa: E402
from cafct_keras.runs import load_model  # noqa: E402

__version__ = "0.1.0"


def __getattr__(name):
    if name == "evaluation":  # brings SciPy along, which nobody else waits for
        return importlib.import_module("cafct_keras.evaluation")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "CAFCTNet",
    "__version__",
    "create_model",
    "evaluation",
    "layers",
    "list_models",
    "load_model",
    "losses",
    "metrics",
    "models",
    "optimizers",
]
