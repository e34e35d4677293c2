"""TensorFlow graphs of a network, written in every export format.

Runs in a process of its own, under Keras's TensorFlow backend, whatever backend the exporting process uses:
`python -m cafct_keras.export.graphs FORMAT MODEL DIRECTORY INPUT`.
"""

import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from unittest import mock

import keras
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from cafct_keras.export.hounsfield import native_probability, network_image, slices_spec
from cafct_keras.export.inputs import NetworkInput
from cafct_keras.export.process import end_with_parent
from cafct_keras.layers.standard import standard_operators
from cafct_keras.runs import load_model
from pipelines.preprocessing import Preprocessing

if TYPE_CHECKING:
    import onnx

# The newest that tf2onnx writes.
OPSET = 18
Tensors = dict[str, tf.Tensor]


def write_savedmodel(model: keras.Model, directory: pathlib.Path, network_input: NetworkInput) -> None:
    """Writes a SavedModel with an endpoint for each kind of input."""
    channels = network_input.channels

    def serve_slices(slices: tf.Tensor) -> Tensors:
        grey = tf.cast(slices, tf.float32) / 255.0
        stacked = grey if network_input.context else tf.repeat(tf.expand_dims(grey, -1), channels, axis=-1)
        return _serve(model, stacked)

    images = (None, None, None)
    raw = tf.TensorSpec((*images, channels) if network_input.context else images, tf.uint8, name="slices")
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", lambda image: _serve(model, image), [_image_spec(model)])
    archive.add_endpoint("serve_slices", serve_slices, [raw])
    if preprocessing := network_input.preprocessing:

        def serve_hounsfield(hounsfield: tf.Tensor) -> Tensors:
            predicted = _serve(model, network_image(hounsfield, preprocessing))["probability"]
            return {"probability": native_probability(predicted, tf.shape(hounsfield), preprocessing)}

        archive.add_endpoint("serve_hounsfield", serve_hounsfield, [slices_spec(preprocessing)])
    archive.write_out(str(directory), verbose=False)


def write_onnx(model: keras.Model, directory: pathlib.Path, network_input: NetworkInput | None) -> None:
    """Writes `network.onnx`, and with its preprocessing around it `hounsfield.onnx`."""
    import onnx

    network = _to_onnx(lambda image: _serve(model, image), [_image_spec(model)])
    onnx.save(network, directory / "network.onnx")
    if network_input is not None and network_input.preprocessing is not None:
        surrounded = _surround(network, network_input.preprocessing, model.output_shape[-1])
        onnx.save(surrounded, directory / "hounsfield.onnx")


def _surround(network: "onnx.ModelProto", preprocessing: Preprocessing, classes: int) -> "onnx.ModelProto":
    """Puts preprocessing before a network and the way back to the slices behind it."""
    from onnx import compose

    def before(hounsfield: tf.Tensor) -> Tensors:
        return {"image": network_image(hounsfield, preprocessing), "shape": tf.shape(hounsfield)}

    def after(predicted: tf.Tensor, shape: tf.Tensor) -> Tensors:
        return {"probability": native_probability(predicted, shape, preprocessing)}

    slices = slices_spec(preprocessing)
    predicted = tf.TensorSpec((None, preprocessing.size, preprocessing.size, classes), tf.float32, name="predicted")
    shape = tf.TensorSpec(slices.shape.rank, tf.int32, name="slices_shape")
    first, last = _to_onnx(before, [slices]), _to_onnx(after, [predicted, shape])
    first, last = (
        compose.add_prefix(part, prefix, rename_inputs=False, rename_outputs=False)
        for part, prefix in ((first, "before/"), (last, "after/"))
    )
    network = compose.add_prefix(network, "network/")
    merged = compose.merge_models(
        first, network, io_map=[("image", "network/image")], outputs=["network/probability", "shape"]
    )
    return compose.merge_models(merged, last, io_map=[("network/probability", "predicted"), ("shape", "slices_shape")])


def write_openvino(model: keras.Model, directory: pathlib.Path, network_input: NetworkInput | None) -> None:
    """Writes `network.xml` and `network.bin`."""
    import openvino

    traced = tf.function(lambda image: _serve(model, image), input_signature=[_image_spec(model)])
    converted = openvino.convert_model(traced.get_concrete_function())
    openvino.save_model(converted, directory / "network.xml", compress_to_fp16=False)


def write_litert(model: keras.Model, directory: pathlib.Path, network_input: NetworkInput) -> None:
    """Writes `network.tflite`, for images of the size of the training slices."""
    size = network_input.preprocessing.size if network_input.preprocessing else None
    image = tf.TensorSpec((None, size, size, model.input_shape[-1]), tf.float32, name="image")
    traced = tf.function(lambda image: _serve(model, image), input_signature=[image])
    # The converter by itself leaves out the values of Keras's variables.
    frozen = convert_variables_to_constants_v2(traced.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    (directory / "network.tflite").write_bytes(converter.convert())


def _image_spec(model: keras.Model) -> tf.TensorSpec:
    return tf.TensorSpec((None, None, None, model.input_shape[-1]), tf.float32, name="image")


def _serve(model: keras.Model, image: tf.Tensor) -> Tensors:
    # Keras's own convolution is split into three operators where it is dilated.
    with standard_operators(), mock.patch.object(keras.layers.Conv2D, "convolution_op", _convolve):
        return {"probability": model(image, training=False)}


def _convolve(layer: keras.layers.Conv2D, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    padding = layer.padding.upper()
    if padding == "SAME" and max(layer.strides) == 1:  # in numbers, since not every runtime pads for dilation by itself
        total = [rate * (size - 1) for rate, size in zip(layer.dilation_rate, layer.kernel_size, strict=True)]
        padding = [[0, 0], *([each // 2, each - each // 2] for each in total), [0, 0]]
    return tf.nn.conv2d(inputs, kernel, strides=layer.strides, padding=padding, dilations=layer.dilation_rate)


def _to_onnx(function: Callable[..., Tensors], signature: Sequence[tf.TensorSpec]) -> "onnx.ModelProto":
    """Converts a function, whose inputs and outputs keep their names.

    The optimizers of tf2onnx are left out: runtimes optimize what they load, as well and in a tenth of the time.
    """
    from tf2onnx import tf_loader, tfonnx

    traced = tf.function(function, input_signature=signature).get_concrete_function()
    inputs = [tensor.name for tensor in traced.inputs if tensor.dtype != tf.resource]
    outputs = [tensor.name for tensor in traced.outputs]
    names = dict(zip(inputs, (each.name for each in signature), strict=True))
    names |= {tensor.name: name for name, tensor in traced.structured_outputs.items()}
    with tf.device("/cpu:0"):
        frozen = tf_loader.from_function(traced, inputs, outputs)
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(frozen, name="")
            converted = tfonnx.process_tf_graph(
                graph, opset=OPSET, input_names=inputs, output_names=outputs, tensors_to_rename=names
            )
    return converted.make_model("cafct_keras")


if __name__ == "__main__":
    end_with_parent()
    _name, _model, _directory, _stated = sys.argv[1:]
    _write: Callable = {
        "savedmodel": write_savedmodel,
        "onnx": write_onnx,
        "openvino": write_openvino,
        "litert": write_litert,
    }[_name]
    _write(load_model(_model), pathlib.Path(_directory), NetworkInput.from_json(_stated) if _stated else None)
