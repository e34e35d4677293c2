"""Precision of exported networks."""

from typing import Any

import keras


def in_float32(model: keras.Model) -> keras.Model:
    """The same network, computing in float32; `model` itself where it does.

    Networks that were trained in mixed precision keep float32 weights, and not every runtime computes in their other
    precision.
    """
    if all(layer.dtype_policy.compute_dtype == "float32" for layer in model.layers):
        return model
    config = model.get_config()
    copy = type(model).from_config(_replaced(config))
    copy.set_weights(model.get_weights())
    copy.preprocessing = model.preprocessing
    return copy


def _replaced(config: Any) -> Any:
    """A configuration whose policies are float32."""
    if isinstance(config, dict):
        return {name: "float32" if name == "dtype" else _replaced(value) for name, value in config.items()}
    return [_replaced(each) for each in config] if isinstance(config, list | tuple) else config
