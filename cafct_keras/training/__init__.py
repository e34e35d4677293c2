"""Training: from options to a complete run folder."""

from cafct_keras.runs.config import DataConfig, FitConfig, LossConfig, ModelConfig, OptimizerConfig, SessionConfig

__all__ = ["DataConfig", "FitConfig", "LossConfig", "ModelConfig", "OptimizerConfig", "SessionConfig", "fit"]


def fit(options, **kwargs):
    """Trains a network; see `cafct_keras.training.run.fit`. Imported at the call, for it needs TensorFlow's tf.data."""
    from cafct_keras.training.run import fit

    return fit(options, **kwargs)
