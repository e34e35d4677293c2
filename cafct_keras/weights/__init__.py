"""Weights from files: reading checkpoints, matching tensors with variables, filling networks."""

from cafct_keras.weights.loading import create_model, load_weights

__all__ = ["create_model", "load_weights"]
