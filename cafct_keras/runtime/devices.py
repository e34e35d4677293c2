"""Devices, backend and versions that a program runs on, found without Keras."""

import os
import subprocess
from typing import Any

from cafct_keras.runtime import backend
from cafct_keras.runtime.versions import versions


def devices() -> list[str]:
    """Names of the backend's devices, the default one first."""
    name = backend.chosen()
    if name == "jax":
        import jax

        found = [f"{d.platform}: {d.device_kind}" for d in jax.local_devices()]
    elif name == "torch":
        import torch

        count = torch.cuda.device_count()
        found = [f"cuda: {torch.cuda.get_device_name(index)}" for index in range(count)] or ["cpu"]
    else:
        import tensorflow as tf

        found = [d.name.split(":", 1)[1] for d in tf.config.list_logical_devices()]
    return [f"{each}, {os.cpu_count()} cores" if each.lower().startswith("cpu") else each for each in found]


def on_cpu() -> bool:
    """Whether the backend computes on the CPU."""
    return devices()[0].lower().startswith("cpu")


def environment() -> dict[str, Any]:
    """Backend, devices and versions, as reports and run cards record them."""
    return {"backend": backend.chosen(), "devices": devices(), "versions": versions()}


def unused_gpu() -> str | None:
    """One line of advice if the machine has an NVIDIA GPU that the backend does not see, else None."""
    names = _nvidia_gpus()
    if not names or any("cpu" not in device.lower() for device in devices()):
        return None
    name = backend.chosen()
    if name != "jax":
        return f"{name} does not see the {names[0]}; install its CUDA build"
    extra = "cuda12" if (_cuda_version() or 13) < 13 else "cuda13"
    return f'JAX does not see the {names[0]}; run: pip install "cafct-keras[{extra}]"'


def _nvidia_gpus() -> list[str]:
    return _nvidia_smi("--query-gpu=name", "--format=csv,noheader").splitlines()


def _cuda_version() -> int | None:
    """Major version of CUDA that the driver supports."""
    _, found, rest = _nvidia_smi().partition("CUDA Version: ")
    return int(rest.split(".")[0]) if found and rest[:1].isdigit() else None


def _nvidia_smi(*arguments: str) -> str:
    try:
        return subprocess.run(["nvidia-smi", *arguments], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
