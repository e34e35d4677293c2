"""The whole state of a network in training, as arrays by name.

`model.get_state_tree()` holds the same, but only what is built already, and `set_state_tree` passes over names that it
does not know, which would make a continued run another run without a word.
"""

import keras
import numpy as np

from cafct_keras.errors import UserError

METRICS = "metrics"


def build_state(model, *, classes):
    """Makes all the variables that Keras would make in the course of the first step.

    Args:
        model: a compiled network.
        classes: of its output.
    """
    model.optimizer.build(model.trainable_variables)
    nothing = np.zeros((1, 1, 1, classes), "float32")
    outputs = [nothing] * len(model.outputs)
    model.compute_metrics(None, nothing, outputs if len(outputs) > 1 else nothing)
    model.reset_metrics()


def take_state(model):
    """Copies the state: weights, statistics, seed generators, optimiser with its step, metrics.

    Args:
        model: a network whose state is built. Under JAX and within `fit` its variables must be in step: take it from
            `Callback.model`.

    Returns:
        Name to NumPy array.
    """
    return _arrays(_variables(model))


def metrics_of(state):
    """The metrics' part of a state."""
    return {name: value for name, value in state.items() if name.startswith(f"{METRICS}/")}


def take_metrics(model):
    """The metrics' part of `take_state`."""
    return _arrays(_metrics(model))


def put_state(model, state):
    """Gives a network the state that was taken from one like it.

    Args:
        model: a network whose state is built.
        state: name to NumPy array.

    Raises:
        UserError: an entry is missing, too many, or of another shape or dtype; nothing was changed then.
    """
    variables = _variables(model)
    differences = [f"has no {name}" for name in variables if name not in state]
    differences += [f"has {name}, which the network has not" for name in state if name not in variables]
    differences += [
        f"has {name} as {_form(state[name])}, the network as {_form(variable)}"
        for name, variable in variables.items()
        if name in state and _form(state[name]) != _form(variable)
    ]
    if differences:
        more = f" and {len(differences) - 1} more" if len(differences) > 1 else ""
        raise UserError(f"the checkpoint is of another network or optimiser: it {differences[0]}{more}")
    for name, variable in variables.items():
        variable.assign(state[name])


def put_metrics(model, metrics):
    """Gives a network the metrics that `take_metrics` took from one like it."""
    for name, variable in _metrics(model).items():
        variable.assign(metrics[name])


def _arrays(variables):
    # Copies, for under JAX and PyTorch an array may look into memory that the next step overwrites.
    return {name: np.array(keras.ops.convert_to_numpy(variable)) for name, variable in variables.items()}


def _metrics(model):
    return _named(METRICS, model.metrics_variables)


def _variables(model):
    return {
        **_named("weights", model.trainable_variables),
        **_named("statistics", model.non_trainable_variables),
        **_named("optimizer", model.optimizer.variables),
        **_metrics(model),
    }


def _named(group, variables):
    named = [(f"{group}/{variable.path}", variable) for variable in variables]
    found = dict(named)
    if len(found) < len(named):
        twice = next(name for name in found if sum(name == other for other, _ in named) > 1)
        raise RuntimeError(f"two variables of the name {twice}: give the layers that own them names of their own")
    return found


def _form(array):
    return f"{keras.backend.standardize_dtype(array.dtype)}{tuple(array.shape)}"
