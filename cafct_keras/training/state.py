"""The complete state of a model in training, as arrays by name.

`model.get_state_tree()` holds only what is built already, and `set_state_tree` ignores names that it does not know: a
resumed run would silently be another run.
"""

from collections.abc import Iterable

import keras
import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.metrics import SLICE_COUNTS
from cafct_keras.weights.finite import first_non_finite

METRICS = "metrics"
State = dict[str, np.ndarray]


def build_state(model: keras.Model, *, classes: int) -> None:
    """Creates all variables that Keras would otherwise create during the first step.

    Args:
        model: a compiled model.
        classes: number of output channels.
    """
    model.optimizer.build(model.trainable_variables)
    nothing = np.zeros((1, 1, 1, classes), "float32")
    outputs = [nothing] * len(model.outputs)
    model.compute_metrics(None, nothing, outputs if len(outputs) > 1 else nothing)
    model.reset_metrics()


def get_state(model: keras.Model) -> State:
    """Copies the state: weights, statistics, seed generators, optimizer with its step, metrics.

    Args:
        model: a model whose state is built. Under JAX and within `fit` its variables must be up to date: take it from
            `Callback.model`.

    Returns:
        Name to NumPy array.
    """
    return _arrays(_variables(model))


def metrics_of(state: State) -> State:
    """The metrics in a state."""
    return {name: value for name, value in state.items() if name.startswith(f"{METRICS}/")}


def get_metrics(model: keras.Model) -> State:
    """The metrics in `get_state`."""
    return _arrays(_metrics(model))


def set_state(model: keras.Model, state: State) -> None:
    """Restores a state.

    Args:
        model: a model whose state is built.
        state: as `get_state` returned it for a model like this one.

    Raises:
        UserError: an entry is missing, unknown, or of another shape or dtype, or a weight is not finite; nothing is
            changed then.
    """
    variables = _variables(model)
    differences = [f"has no {name}" for name in variables if name not in state]
    differences += [f"has {name}, which the model does not have" for name in state if name not in variables]
    differences += [
        f"has {name} as {_form(state[name])}, the model as {_form(variable)}"
        for name, variable in variables.items()
        if name in state and _form(state[name]) != _form(variable)
    ]
    if differences:
        more = f" and {len(differences) - 1} more" if len(differences) > 1 else ""
        raise UserError(f"the checkpoint is of another model or optimizer: it {differences[0]}{more}")
    if bad := first_non_finite({name: value for name, value in state.items() if not name.startswith(f"{METRICS}/")}):
        raise UserError(f"the checkpoint's {bad} holds NaN or infinite values; remove it to resume from another one")
    for name, variable in variables.items():
        variable.assign(state[name])


def set_metrics(model: keras.Model, metrics: State) -> None:
    """Restores metrics that `get_metrics` or `metrics_of` returned."""
    for name, variable in _metrics(model).items():
        variable.assign(metrics[name])


def _arrays(variables: dict[str, keras.Variable]) -> State:
    # Copies: under JAX and PyTorch an array may look into memory that the next step overwrites.
    return {name: np.array(keras.ops.convert_to_numpy(variable)) for name, variable in variables.items()}


def _metrics(model: keras.Model) -> dict[str, keras.Variable]:
    # Counts of the slices of a validation, which begins anew where it was interrupted.
    kept = [each for each in model.metrics_variables if SLICE_COUNTS not in each.path.split("/")]
    return _named(METRICS, kept)


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    return {
        **_named("weights", model.trainable_variables),
        **_named("statistics", model.non_trainable_variables),
        **_named("optimizer", model.optimizer.variables),
        **_metrics(model),
    }


def _named(group: str, variables: Iterable[keras.Variable]) -> dict[str, keras.Variable]:
    named = [(f"{group}/{variable.path}", variable) for variable in variables]
    found = dict(named)
    if len(found) < len(named):
        twice = next(name for name in found if sum(name == other for other, _ in named) > 1)
        raise RuntimeError(f"two variables are named {twice}: name the layers that own them")
    return found


def _form(array: np.ndarray | keras.Variable) -> str:
    return f"{keras.backend.standardize_dtype(array.dtype)}{tuple(array.shape)}"
