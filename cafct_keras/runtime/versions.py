"""Versions of whatever has a say in the numbers. Imports none of it."""

import platform
from importlib import metadata

PACKAGES = ("cafct-keras", "keras", "jax", "jaxlib", "tensorflow-cpu", "tensorflow", "torch", "optax", "numpy", "scipy")


def versions() -> dict[str, str]:
    """Version of Python and of every such package, installed ones only."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
