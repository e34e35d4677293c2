"""Training: from options to a complete run folder."""

from cafct_keras.training.config import FitOptions

__all__ = ["FitOptions", "fit"]


def fit(options, **kwargs):
    """Trains a network; see `cafct_keras.training.run.fit`. Imported at the call, for it needs TensorFlow's tf.data."""
    from cafct_keras.training.run import fit

    return fit(options, **kwargs)
