"""Training, from a configuration to a complete run folder."""

from typing import Any

from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.groups import (
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    SelectionConfig,
    SessionConfig,
)

__all__ = [
    "DataConfig",
    "FitConfig",
    "LossConfig",
    "ModelConfig",
    "OptimizerConfig",
    "SelectionConfig",
    "SessionConfig",
    "fit",
]


def fit(config: FitConfig, **kwargs: Any) -> dict[str, Any]:
    """Trains a model; see `cafct_keras.training.run.fit`, which is imported when called: it needs Keras."""
    from cafct_keras.training.run import fit

    return fit(config, **kwargs)
