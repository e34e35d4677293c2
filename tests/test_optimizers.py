import re

import keras
import numpy as np
import pytest

from cafct_keras.errors import UserError
from cafct_keras.optimizers import OptaxOptimizer, cosine_schedule, make_optimizer, poly_schedule

on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="optax optimisers are for the JAX backend")


def network(optimizer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


def data():
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    return x, x[:, :1] * 2


def weights_by_step(optimizer, steps=12):
    model = network(optimizer)
    history = []
    for _ in range(steps):
        model.train_on_batch(*data())
        history.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    return np.stack(history)


@on_jax
@pytest.mark.parametrize("form", ["object", "name"])
def test_optax_equals_keras_step_for_step(form):
    import optax

    if form == "object":
        sgd = OptaxOptimizer(optax.sgd(0.1, momentum=0.9))
        adam = OptaxOptimizer(optax.adam(0.01, eps=1e-12))
    else:
        sgd = OptaxOptimizer("sgd", learning_rate=0.1, momentum=0.9)
        adam = OptaxOptimizer("adam", learning_rate=0.01, eps=1e-12)
    expected = weights_by_step(keras.optimizers.SGD(0.1, momentum=0.9))
    np.testing.assert_allclose(weights_by_step(sgd), expected, atol=1e-6)
    # The two place epsilon differently, so it is made to vanish.
    expected = weights_by_step(keras.optimizers.Adam(0.01, epsilon=1e-12))
    np.testing.assert_allclose(weights_by_step(adam), expected, atol=1e-6)


@on_jax
def test_optax_follows_a_keras_schedule():
    schedule = cosine_schedule(0.1, steps=12, warmup_steps=3)
    expected = weights_by_step(keras.optimizers.SGD(schedule))
    np.testing.assert_allclose(weights_by_step(OptaxOptimizer("sgd", learning_rate=schedule)), expected, atol=1e-6)


@on_jax
def test_optax_state_is_saved_and_restored_with_the_model(tmp_path):
    optimizer = OptaxOptimizer("adamw", learning_rate=cosine_schedule(0.05, steps=40), weight_decay=0.1)
    model = network(optimizer)
    model.fit(*data(), epochs=3, batch_size=16, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(*data(), epochs=2, batch_size=16, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@on_jax
def test_optax_object_without_a_name_says_so_when_loaded(tmp_path):
    import optax

    model = network(OptaxOptimizer(optax.sgd(0.1)))
    model.train_on_batch(*data())
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="compile=False"):
        keras.saving.load_model(tmp_path / "model.keras")
    keras.saving.load_model(tmp_path / "model.keras", compile=False)


@on_jax
@pytest.mark.parametrize("name", ["nonsense", "exponential_decay", "__doc__"])
def test_unknown_optax_names(name):
    with pytest.raises(UserError, match=f"`optimizer` optax:{name}"):
        make_optimizer(f"optax:{name}")


@pytest.mark.backends
@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX is the one that has it")
def test_optax_under_another_backend_is_a_clear_error():
    with pytest.raises(RuntimeError, match="KERAS_BACKEND=jax"):
        OptaxOptimizer("sgd", learning_rate=0.1)
    with pytest.raises(UserError, match="KERAS_BACKEND=jax"):
        make_optimizer("optax:sgd")


def test_optimizers_by_name():
    sgd = make_optimizer("sgd")
    assert (float(sgd.learning_rate), sgd.momentum, sgd.weight_decay) == (pytest.approx(1e-3), 0.9, 1e-4)
    nesterov = make_optimizer("nesterov", momentum=0.99, weight_decay=0.0)
    assert (nesterov.nesterov, sgd.nesterov) == (True, False)
    assert (nesterov.momentum, nesterov.weight_decay) == (0.99, 0.0)
    assert isinstance(make_optimizer("adam"), keras.optimizers.Adam)
    assert make_optimizer("adamw", weight_decay=0.02).weight_decay == 0.02
    with pytest.raises(UserError, match="`optimizer` lion: unknown"):
        make_optimizer("lion")


def test_cosine_schedule():
    schedule = cosine_schedule(1e-3, steps=100, warmup_steps=10)
    rates = [float(schedule(step)) for step in (0, 5, 10, 55, 100)]
    np.testing.assert_allclose(rates, [0, 5e-4, 1e-3, 5.05e-4, 1e-5], rtol=1e-5)
    np.testing.assert_allclose(float(cosine_schedule(1e-3, steps=100)(100)), 1e-5, rtol=1e-5)


def test_poly_schedule():
    schedule = poly_schedule(0.05, steps=100)
    rates = [float(schedule(step)) for step in (0, 50, 100, 120)]
    np.testing.assert_allclose(rates, [0.05, 0.05 * 0.5**0.9, 0, 0], rtol=1e-5)


@pytest.mark.parametrize("name", ["sgd", pytest.param("optax:sgd", marks=on_jax)])
def test_long_gradients_are_shortened_and_short_ones_left(name):
    def first_step(clip_norm):
        options = {"learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0, "clip_norm": clip_norm}
        model = network(make_optimizer(name, **options))
        before = np.concatenate([w.ravel() for w in model.get_weights()])
        model.train_on_batch(*data())
        return np.concatenate([w.ravel() for w in model.get_weights()]) - before

    free = first_step(None)
    assert np.linalg.norm(free) > 0.1 * 0.5
    np.testing.assert_allclose(first_step(0.5), free * 0.1 * 0.5 / np.linalg.norm(free), rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(first_step(1e6), free)


@on_jax
def test_a_learning_rate_that_is_set_takes_effect():
    """`ReduceLROnPlateau` and the like set it while the step is compiled."""
    optimizer = OptaxOptimizer("sgd", learning_rate=0.1)
    model = network(optimizer)
    model.train_on_batch(*data())
    before = model.get_weights()
    optimizer.learning_rate = 0.0
    model.train_on_batch(*data())
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=1e9)
    optimizer.learning_rate = 0.1
    model.fit(*data(), epochs=3, callbacks=[plateau], verbose=0)
    assert float(optimizer.learning_rate) < 0.1
    assert any((one != other).any() for one, other in zip(before, model.get_weights(), strict=True))


@on_jax
@pytest.mark.parametrize("name", ["lion", "adafactor"])
def test_a_learning_rate_that_is_left_out_is_missed(name):
    with pytest.raises(ValueError, match=f"optax.{name} needs a `learning_rate`"):
        OptaxOptimizer(name)


@on_jax
def test_a_ready_transformation_refuses_another_learning_rate():
    import optax

    optimizer = OptaxOptimizer(optax.sgd(0.1))
    with pytest.raises(AttributeError, match="has its own learning rate"):
        optimizer.learning_rate = 0.2


@on_jax
def test_optax_state_has_the_variables_that_earlier_checkpoints_hold():
    """Adam's count, two moments of four variables each, and with a schedule optax's count of its own."""
    for rate, count in ((0.1, 9), (cosine_schedule(0.1, steps=9), 10)):
        optimizer = OptaxOptimizer("adam", learning_rate=rate)
        network(optimizer).train_on_batch(*data())
        states = [variable.name for variable in optimizer.variables if variable.name.startswith("state")]
        assert states == [f"state{index}" for index in range(count)]


@pytest.mark.backends
def test_weight_decay_and_momentum_act_or_are_refused():
    for name, argument in (("adam", "weight_decay"), ("adam", "momentum"), ("adamw", "momentum")):
        with pytest.raises(UserError, match=f"`{argument}` 0.5: `optimizer` {name} has none"):
            make_optimizer(name, **{argument: 0.5})
    assert make_optimizer("adamw", weight_decay=0.5).weight_decay == 0.5
    assert make_optimizer("sgd").weight_decay == 1e-4


@on_jax
def test_weight_decay_of_optax_acts_or_is_refused():
    with pytest.raises(UserError, match=re.escape("`weight_decay` 0.5: `optimizer` optax:adam has none")):
        make_optimizer("optax:adam", weight_decay=0.5)
    decayed, plain = (
        weights_by_step(make_optimizer("optax:lion", learning_rate=0.01, weight_decay=decay)) for decay in (0.9, 0.0)
    )
    assert np.abs(decayed[-1]).sum() < np.abs(plain[-1]).sum()
