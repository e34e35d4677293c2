"""Versions of the packages that influence results. Imports none of them."""

import platform
from importlib import metadata

PACKAGES = (
    *("cafct-keras", "keras", "jax", "jaxlib", "tensorflow-cpu", "tensorflow", "torch", "optax", "numpy", "scipy"),
    *("onnxruntime", "openvino"),
)


def versions() -> dict[str, str]:
    """Versions of Python and of each of these packages that is installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
