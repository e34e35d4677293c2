"""Export formats: what each needs, which sizes it takes, and how its endpoints are called."""

import dataclasses
from collections.abc import Mapping

from cafct_keras.export.inputs import NetworkInput

# Batch, H and W that training does not use, beside a single image of the size that it does. Smaller and larger slices
# than that are each resized in another way.
UNSEEN = {"image": ((3, 96, 160),), "slices": ((3, 96, 160),), "hounsfield": ((2, 61, 50), (1, 520, 410))}
UNKNOWN = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """An export format.

    Attributes:
        packages: import names of what the conversion and the check need beyond the project's own dependencies.
        extra: extra of the distribution that brings these.
        endpoints: kind of input (`"image"`, `"slices"`, `"hounsfield"`) to the endpoint that takes it.
        any_size: whether it takes any H and W; else those of the training slices.
    """

    endpoints: Mapping[str, str]
    packages: tuple[str, ...] = ()
    extra: str | None = None
    any_size: bool = True

    def kinds(self, network_input: NetworkInput) -> list[str]:
        """The kinds of input that the exported network takes."""
        known = network_input.preprocessing is not None
        return [kind for kind in self.endpoints if kind != "hounsfield" or known]

    def shapes(self, kind: str, network_input: NetworkInput) -> list[tuple[int, int, int]]:
        """Batch, H and W of the images or slices that an endpoint is checked with."""
        preprocessing = network_input.preprocessing
        size = UNKNOWN if preprocessing is None else preprocessing.size
        return [(1, size, size), *(UNSEEN[kind] if self.any_size else [(3, size, size)])]

    def describe(self, network_input: NetworkInput, classes: int) -> dict[str, str]:
        """The endpoints, each with its input and output in words."""
        channels, sides = network_input.channels, "H and W multiples of 32"
        shape, order = "(batch, H, W)", ""
        if network_input.context:
            shape, order = f"(batch, H, W, {channels})", ", each slice among its neighbours from below to above"
        size, inputs = "H, W", {}
        if preprocessing := network_input.preprocessing:
            if not self.any_size:
                size, sides = f"{preprocessing.size}, {preprocessing.size}", "any batch"
            oriented = f", oriented {preprocessing.orientation}" if preprocessing.orientation else ""
            inputs["hounsfield"] = f"int16 {shape}, Hounsfield units{order}, any H and W{oriented}"
        inputs["image"] = f"float32 (batch, {size}, {channels}) in [0, 1], {sides}"
        inputs["slices"] = f"uint8 {shape}, grey{order}, {sides}"
        output = f"probability: float32 (batch, {size}, {classes}) in [0, 1]"
        return {self.endpoints[kind]: f"{kind}: {inputs[kind]} -> {output}" for kind in self.kinds(network_input)}


FORMATS: Mapping[str, Format] = {
    "savedmodel": Format(
        endpoints={"image": "serve", "slices": "serve_slices", "hounsfield": "serve_hounsfield"},
    ),
    "onnx": Format(
        endpoints={"image": "network.onnx", "hounsfield": "hounsfield.onnx"},
        packages=("onnx", "onnxruntime", "tf2onnx"),
        extra="onnx",
    ),
    "openvino": Format(endpoints={"image": "network.xml"}, packages=("openvino",), extra="openvino"),
    "litert": Format(
        endpoints={"image": "network.tflite"},
        packages=("ai_edge_litert",),
        extra="litert",
        any_size=False,
    ),
}
"""Formats of `export` by name."""
