"""Work of a network: multiply-adds of its convolutions and matrix products."""

import math

import keras


def count_macs(model, *, image_shape=None):
    """Counts the multiply-adds that predicting one image takes.

    The customary figure of tables that compare networks: convolutions and matrix products alone, kernels that reach
    over the border in full. (XLA's own count, of the compiled function, has two operations for each of them, and
    everything else.) `DepthwiseConv3x3`, nine shifted multiply-adds to the compiler, counts as the convolution that it
    is. Nothing is computed or compiled, and the model needs no values: one that is built under
    `keras.StatelessScope(initialize_variables=False)` will do.

    Args:
        model: a functional network from one image.
        image_shape: `(H, W, channels)`; None for the model's own, where that is known.

    Returns:
        Multiply-adds, a whole number; None under TensorFlow and PyTorch, where functions cannot be looked into so.
    """
    if keras.backend.backend() != "jax":
        return None
    import jax

    def predict(variables, image):
        return model.stateless_call(*variables, image, training=False)[0]

    variables = [
        [jax.ShapeDtypeStruct(variable.shape, variable.dtype) for variable in group]
        for group in (model.trainable_variables, model.non_trainable_variables)
    ]
    image = jax.ShapeDtypeStruct((1, *(image_shape or model.input_shape[1:])), "float32")
    return _count(jax.make_jaxpr(predict)(variables, image).jaxpr)


def _count(jaxpr):
    return sum(_COUNTS.get(equation.primitive.name, _inner)(equation) for equation in jaxpr.eqns)


def _inner(equation):
    """Of a call, what is called; of a loop, its body that many times; of everything else nothing."""
    groups = (value if isinstance(value, tuple) else (value,) for value in equation.params.values())
    called = (getattr(value, "jaxpr", value) for group in groups for value in group)
    return equation.params.get("length", 1) * sum(_count(jaxpr) for jaxpr in called if hasattr(jaxpr, "eqns"))


def _convolution(equation):
    kernel = equation.invars[1].aval
    outputs = kernel.shape[equation.params["dimension_numbers"].rhs_spec[0]]
    # A transposed convolution meets the zeros between its inputs, which are no work.
    zeros = math.prod(equation.params["lhs_dilation"])
    return equation.outvars[0].aval.size * (kernel.size // outputs) // zeros


def _product(equation):
    (contracted, _), _ = equation.params["dimension_numbers"]
    return equation.outvars[0].aval.size * math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)


def _own_gradient(equation):
    """Of functions with a gradient of their own the depthwise convolution has a kernel `(3, 3, channels)`."""
    if len(equation.invars) == 2:
        image, kernel = (variable.aval for variable in equation.invars)
        if kernel.shape == (3, 3, image.shape[-1]):
            return 9 * image.size
    return _inner(equation)


_COUNTS = {"conv_general_dilated": _convolution, "dot_general": _product, "custom_vjp_call": _own_gradient}
