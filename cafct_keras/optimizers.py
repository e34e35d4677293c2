"""Optimisers: Keras's by name with the paper's defaults, and any of optax's under JAX."""

import keras

from cafct_keras.errors import UserError

OPTAX_PREFIX = "optax:"


@keras.saving.register_keras_serializable("cafct_keras")
class OptaxOptimizer(keras.optimizers.Optimizer):
    """Any optax gradient transformation as a Keras optimiser, under the JAX backend.

    Its state lives in Keras variables, so it is saved and restored with the model.

    Args:
        transformation: the name of a function of optax that takes a learning rate, such as `"lion"`; or a ready
            `optax.GradientTransformation`, which cannot be written into a saved model: such a model loads with
            `compile=False`.
        learning_rate: a number or a Keras learning-rate schedule, for a named transformation.
        global_clipnorm: length that the gradient of all weights together is shortened to; None for never.
        name: of the optimiser.
        **kwargs: further arguments of the named function, such as `momentum=0.9`.

    Raises:
        RuntimeError: under another backend.
        ValueError: for a name that optax does not have, or a transformation given together with its arguments.
    """

    def __init__(self, transformation, *, learning_rate=None, global_clipnorm=None, name="optax", **kwargs):
        if keras.backend.backend() != "jax":
            raise RuntimeError(
                f"optax optimisers need the JAX backend, and this is {keras.backend.backend()}: "
                "set KERAS_BACKEND=jax or use a Keras optimiser"
            )
        super().__init__(learning_rate=learning_rate or 0.0, global_clipnorm=global_clipnorm, name=name)
        self.transformation = transformation
        self.arguments = kwargs
        if isinstance(transformation, str):
            self._optax = self._named(transformation)
        elif kwargs or learning_rate is not None:
            raise ValueError("a ready transformation has its learning rate and arguments already")
        else:
            self._optax = transformation

    def _named(self, name):
        import optax

        factory = getattr(optax, name, None)
        if not callable(factory):
            raise ValueError(
                f"optax has no optimiser {name!r}; see its documentation for names such as lion or adabelief"
            )
        schedule = self._learning_rate
        if isinstance(schedule, keras.Variable):
            schedule = float(schedule.value)
        transformation = factory(learning_rate=schedule, **self.arguments)
        if not isinstance(transformation, optax.GradientTransformation):
            raise ValueError(f"optax.{name} is no optimiser")
        return transformation

    def build(self, variables):
        import jax

        if self.built:
            return
        super().build(variables)
        leaves, self._structure = jax.tree.flatten(self._optax.init([v.value for v in self._trainable_variables]))
        self._state = []
        for index, leaf in enumerate(leaves):
            variable = self.add_variable(leaf.shape, dtype=leaf.dtype, name=f"state{index}")
            variable.assign(leaf)
            self._state.append(variable)

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        import jax
        import optax

        if len(grads) != len(self._trainable_variables):
            raise ValueError("an optax optimiser needs a gradient for every trainable variable")
        parameters = [v.value for v in trainable_variables]
        state = jax.tree.unflatten(self._structure, [v.value for v in self._state])
        updates, state = self._optax.update(list(grads), state, parameters)
        for variable, value in zip(trainable_variables, optax.apply_updates(parameters, updates), strict=True):
            variable.assign(value)
        for variable, value in zip(self._state, jax.tree.leaves(state), strict=True):
            variable.assign(value)

    def get_config(self):
        named = isinstance(self.transformation, str)
        config = {
            "name": self.name,
            "transformation": self.transformation if named else None,
            "global_clipnorm": self.global_clipnorm,
        }
        if named:
            rate = self._learning_rate
            is_schedule = isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)
            config["learning_rate"] = keras.saving.serialize_keras_object(rate) if is_schedule else float(rate.value)
        return {**config, **self.arguments}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        if config["transformation"] is None:
            raise ValueError(
                "this model was compiled with an optax transformation without a name; "
                "load it with compile=False and compile it again"
            )
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = keras.saving.deserialize_keras_object(config["learning_rate"])
        return cls(**config)


def cosine_schedule(learning_rate, *, steps, final=0.01, warmup_steps=0):
    """Cosine decay from `learning_rate` to `final` times that, after a linear rise over `warmup_steps`.

    Args:
        learning_rate: the peak.
        steps: training steps in all, warm-up included.
        final: share of the peak that is left at the end; the paper's recipe goes from 1e-3 to 1e-5.
        warmup_steps: steps of the rise.

    Returns:
        A `keras.optimizers.schedules.CosineDecay`.
    """
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=final)
    return keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup_steps, alpha=final, warmup_target=learning_rate, warmup_steps=warmup_steps
    )


def poly_schedule(learning_rate, *, steps, power=0.9):
    """Decay from `learning_rate` to 0, in proportion to a power of the share of steps that are left.

    Liu et al., "ParseNet: looking wider to see better", 2015, and from there the DeepLab family.

    Args:
        learning_rate: at the start.
        steps: training steps in all.
        power: of the decay; 1 is a straight line.

    Returns:
        A `keras.optimizers.schedules.PolynomialDecay`.
    """
    return keras.optimizers.schedules.PolynomialDecay(learning_rate, steps, end_learning_rate=0.0, power=power)


def make_optimizer(name="sgd", *, learning_rate=1e-3, momentum=0.9, weight_decay=1e-4, clip_norm=None):
    """An optimiser by name.

    Args:
        name: `"sgd"`, `"nesterov"` (SGD with Nesterov's momentum), `"adam"`, `"adamw"`, or `"optax:"` and the name of
            an optax optimiser, which is given the learning rate alone.
        learning_rate: a number or a Keras schedule.
        momentum: of SGD.
        weight_decay: of SGD and AdamW, decoupled: weights shrink by `learning_rate * weight_decay` a step, whatever the
            gradient.
        clip_norm: the gradient of all weights together is shortened to this length where it is longer; None for never.

    Returns:
        A `keras.optimizers.Optimizer`.

    Raises:
        UserError: for an unknown name, or optax under another backend than JAX.
    """
    if name.startswith(OPTAX_PREFIX):
        try:
            return OptaxOptimizer(
                name.removeprefix(OPTAX_PREFIX), learning_rate=learning_rate, global_clipnorm=clip_norm
            )
        except (RuntimeError, ValueError, TypeError) as error:
            raise UserError(f"--optimizer {name}: {error}") from error
    if name in ("sgd", "nesterov"):
        return keras.optimizers.SGD(
            learning_rate,
            momentum=momentum,
            nesterov=name == "nesterov",
            weight_decay=weight_decay,
            global_clipnorm=clip_norm,
        )
    if name == "adam":
        return keras.optimizers.Adam(learning_rate, global_clipnorm=clip_norm)
    if name == "adamw":
        return keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay, global_clipnorm=clip_norm)
    raise UserError(f"--optimizer {name}: unknown; give sgd, nesterov, adam, adamw or optax:NAME")
