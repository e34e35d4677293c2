"""Optimizers: Keras's by name with the paper's defaults, and any of optax's under JAX."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras

from cafct_keras.errors import UserError
from cafct_keras.typing import Tensor

OPTAX_PREFIX = "optax:"
Rate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule
# Keras optimizers by name, with the arguments besides the learning rate that each has here, and their defaults.
_ARGUMENTS = {
    "sgd": {"momentum": 0.9, "weight_decay": 1e-4},
    "nesterov": {"momentum": 0.9, "weight_decay": 1e-4},
    "adam": {},
    "adamw": {"weight_decay": 1e-4},
}


@keras.saving.register_keras_serializable("cafct_keras")
class OptaxOptimizer(keras.optimizers.Optimizer):
    """Any optax gradient transformation as a Keras optimizer, under the JAX backend.

    Its state lives in Keras variables, so it is saved and restored with the model. A named transformation takes its
    learning rate from the optimizer's at every step, so that schedules and callbacks which set it take effect.

    Args:
        transformation: the name of a function of optax that takes a learning rate, such as `"lion"`; or a ready
            `optax.GradientTransformation`, which cannot be written into a saved model: such a model loads with
            `compile=False`.
        learning_rate: a number or a Keras learning-rate schedule, for a named transformation.
        global_clipnorm: gradients are clipped to this global norm; None for no clipping.
        name: name of the optimizer.
        **kwargs: further arguments of the named function, such as `momentum=0.9`.

    Raises:
        RuntimeError: under another backend.
        ValueError: for a name that optax does not have, a named transformation without a learning rate, or a ready one
            together with arguments.
    """

    def __init__(
        self,
        transformation: Any,
        *,
        learning_rate: Rate | None = None,
        global_clipnorm: float | None = None,
        name: str = "optax",
        **kwargs: Any,
    ) -> None:
        if keras.backend.backend() != "jax":
            raise RuntimeError(
                f"optax optimizers need the JAX backend, and this is {keras.backend.backend()}: "
                "set KERAS_BACKEND=jax or use a Keras optimizer"
            )
        if isinstance(transformation, str):
            optax_function(transformation)
            if learning_rate is None:
                raise ValueError(f"optax.{transformation} needs a `learning_rate`")
            if isinstance(learning_rate, int):
                learning_rate = float(learning_rate)
        elif kwargs or learning_rate is not None:
            raise ValueError("a ready transformation has its learning rate and arguments already")
        # A ready transformation applies its own rate; what Keras keeps as the rate is not used then.
        super().__init__(
            learning_rate=0.0 if learning_rate is None else learning_rate, global_clipnorm=global_clipnorm, name=name
        )
        self.transformation = transformation
        self.named = isinstance(transformation, str)
        self.arguments = kwargs
        # As a function, optax counts its calls in a further state, which checkpoints of scheduled runs hold.
        self._scheduled = isinstance(learning_rate, keras.optimizers.schedules.LearningRateSchedule)
        self._make(1.0)  # raises errors in the arguments now

    @property
    def learning_rate(self) -> Any:
        """The current learning rate.

        Raises:
            AttributeError: when it is set, for a ready transformation.
        """
        return self._get_current_learning_rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        if not self.named:
            raise AttributeError(
                "a ready optax transformation has its own learning rate, which cannot be set; "
                "name the transformation instead, such as OptaxOptimizer('sgd', learning_rate=0.1)"
            )
        keras.optimizers.Optimizer.learning_rate.fset(self, learning_rate)

    def _make(self, rate: Any) -> Any:
        """The transformation with this learning rate, a number or a traced scalar."""
        if not self.named:
            return self.transformation
        import optax

        given = (lambda count: rate) if self._scheduled else rate
        transformation = optax_function(self.transformation)(learning_rate=given, **self.arguments)
        if not isinstance(transformation, optax.GradientTransformation):
            raise ValueError(f"optax.{self.transformation} is not an optimizer")
        return transformation

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Creates the state's variables, `state0`, `state1` and so on in the order of optax's tree."""
        import jax

        if self.built:
            return
        super().build(variables)
        state = self._make(1.0).init([v.value for v in self._trainable_variables])
        leaves, self._structure = jax.tree.flatten(state)
        self._state = []
        for index, leaf in enumerate(leaves):
            variable = self.add_variable(leaf.shape, dtype=leaf.dtype, name=f"state{index}")
            variable.assign(leaf)
            self._state.append(variable)

    def _backend_update_step(
        self, grads: Sequence[Tensor], trainable_variables: Sequence[keras.Variable], learning_rate: Tensor
    ) -> None:
        import jax
        import optax

        if len(grads) != len(self._trainable_variables):
            raise ValueError("an optax optimizer needs a gradient for every trainable variable")
        parameters = [v.value for v in trainable_variables]
        state = jax.tree.unflatten(self._structure, [v.value for v in self._state])
        rate = keras.ops.convert_to_tensor(learning_rate)
        updates, state = self._make(rate).update(list(grads), state, parameters)
        for variable, value in zip(trainable_variables, optax.apply_updates(parameters, updates), strict=True):
            variable.assign(value)
        for variable, value in zip(self._state, jax.tree.leaves(state), strict=True):
            variable.assign(value)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; a ready transformation becomes None."""
        config = {
            "name": self.name,
            "transformation": self.transformation if self.named else None,
            "global_clipnorm": self.global_clipnorm,
        }
        if self.named:
            rate = self._learning_rate
            is_schedule = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
            config["learning_rate"] = keras.saving.serialize_keras_object(rate) if is_schedule else float(rate.value)
        return {**config, **self.arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "OptaxOptimizer":
        """An optimizer from `get_config`.

        Raises:
            ValueError: it was a ready transformation.
        """
        config = dict(config)
        if config["transformation"] is None:
            raise ValueError(
                "this model was compiled with an optax transformation without a name; "
                "load it with compile=False and compile it again"
            )
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = keras.saving.deserialize_keras_object(config["learning_rate"])
        return cls(**config)


def optax_function(name: str) -> Callable[..., Any]:
    """The function of optax that makes an optimizer.

    Raises:
        ValueError: optax has none of this name that takes a learning rate.
    """
    import optax

    factory = getattr(optax, name, None)
    if not callable(factory) or "learning_rate" not in inspect.signature(factory).parameters:
        raise ValueError(f"optax has no optimizer {name!r}; see its documentation for names such as lion or adabelief")
    return factory


def optimizer_arguments(name: str) -> frozenset[str]:
    """Which of `momentum` and `weight_decay` an optimizer has.

    Args:
        name: see `make_optimizer`.

    Raises:
        UserError: there is no such optimizer.
    """
    if name.startswith(OPTAX_PREFIX):
        try:
            parameters = inspect.signature(optax_function(name.removeprefix(OPTAX_PREFIX))).parameters
        except ValueError as error:
            raise UserError(f"`optimizer` {name}: {error}") from error
        return frozenset({"momentum", "weight_decay"} & parameters.keys())
    if name not in _ARGUMENTS:
        raise UserError(f"`optimizer` {name}: unknown; choose {', '.join(_ARGUMENTS)} or {OPTAX_PREFIX}NAME")
    return frozenset(_ARGUMENTS[name])


def cosine_schedule(
    learning_rate: float, *, steps: int, final: float = 0.01, warmup_steps: int = 0
) -> keras.optimizers.schedules.CosineDecay:
    """Cosine decay from `learning_rate` to `final` times that, after a linear warm-up over `warmup_steps`.

    Args:
        learning_rate: peak learning rate.
        steps: total training steps, including the warm-up.
        final: fraction of the peak at the end; the paper's recipe goes from 1e-3 to 1e-5.
        warmup_steps: steps of the warm-up.

    Returns:
        A `keras.optimizers.schedules.CosineDecay`.
    """
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=final)
    return keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup_steps, alpha=final, warmup_target=learning_rate, warmup_steps=warmup_steps
    )


def poly_schedule(
    learning_rate: float, *, steps: int, power: float = 0.9
) -> keras.optimizers.schedules.PolynomialDecay:
    """Decay from `learning_rate` to 0, in proportion to a power of the remaining fraction of steps.

    Liu et al., "ParseNet: looking wider to see better", 2015, and from there the DeepLab family.

    Args:
        learning_rate: initial learning rate.
        steps: total training steps.
        power: exponent of the decay; 1 is linear.

    Returns:
        A `keras.optimizers.schedules.PolynomialDecay`.
    """
    return keras.optimizers.schedules.PolynomialDecay(learning_rate, steps, end_learning_rate=0.0, power=power)


def make_optimizer(
    name: str = "sgd",
    *,
    learning_rate: Rate = 1e-3,
    momentum: float | None = None,
    weight_decay: float | None = None,
    clip_norm: float | None = None,
) -> keras.optimizers.Optimizer:
    """Creates an optimizer by name.

    Args:
        name: `"sgd"`, `"nesterov"` (SGD with Nesterov momentum), `"adam"`, `"adamw"`, or `"optax:"` and the name of an
            optax optimizer.
        learning_rate: a number or a Keras schedule.
        momentum: of `sgd` and `nesterov`, 0.9 by default, and of those of optax that have it.
        weight_decay: of `sgd`, `nesterov` and `adamw`, 1e-4 by default, and of those of optax that have it. Decoupled:
            weights shrink by `learning_rate * weight_decay` per step, whatever the gradient.
        clip_norm: gradients are clipped to this global norm; None for no clipping.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        UserError: for an unknown name, an argument that the optimizer does not have, or optax under another backend
            than JAX.
    """
    given = {"momentum": momentum, "weight_decay": weight_decay}
    has = optimizer_arguments(name)
    if unused := [argument for argument, value in given.items() if value and argument not in has]:
        raise UserError(f"`{unused[0]}` {given[unused[0]]:g}: `optimizer` {name} has none; leave it out")
    arguments: dict[str, Any] = {
        argument: value for argument, value in given.items() if value is not None and argument in has
    }
    if name.startswith(OPTAX_PREFIX):
        name_of_optax = name.removeprefix(OPTAX_PREFIX)
        try:
            return OptaxOptimizer(name_of_optax, learning_rate=learning_rate, global_clipnorm=clip_norm, **arguments)
        except (RuntimeError, ValueError, TypeError) as error:
            raise UserError(f"`optimizer` {name}: {error}") from error
    arguments = {**_ARGUMENTS[name], **arguments}
    if name in ("sgd", "nesterov"):
        arguments["nesterov"] = name == "nesterov"
    kind = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}.get(name, keras.optimizers.SGD)
    return kind(learning_rate, global_clipnorm=clip_norm, **arguments)
