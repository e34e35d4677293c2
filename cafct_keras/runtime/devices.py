"""What a run ran on: versions, backend, devices."""

import os
import subprocess

import keras

from cafct_keras.runtime.versions import versions


def devices():
    """The backend's devices in words, the one that is used first."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        found = [f"{d.platform}: {d.device_kind}" for d in jax.local_devices()]
    elif backend == "torch":
        import torch

        count = torch.cuda.device_count()
        found = [f"cuda: {torch.cuda.get_device_name(index)}" for index in range(count)] or ["cpu"]
    else:
        import tensorflow as tf

        found = [d.name.split(":", 1)[1] for d in tf.config.list_logical_devices()]
    return [f"{name}, {os.cpu_count()} cores" if name.lower().startswith("cpu") else name for name in found]


def environment():
    """Versions, backend and devices, as reports carry them."""
    return {"backend": keras.backend.backend(), "devices": devices(), "versions": versions()}


def unused_gpu():
    """One line of advice where the machine has an NVIDIA GPU that the backend does not see; None where all is well."""
    names = _nvidia_gpus()
    if not names or any("cpu" not in device.lower() for device in devices()):
        return None
    backend = keras.backend.backend()
    if backend != "jax":
        return f"{names[0]} is there, but {backend} sees no GPU; install its CUDA build"
    extra = "cuda12" if (_cuda_version() or 13) < 13 else "cuda13"
    return f'{names[0]} is there, but JAX sees no GPU; run: pip install "cafct-keras[{extra}]"'


def _nvidia_gpus():
    return _nvidia_smi("--query-gpu=name", "--format=csv,noheader").splitlines()


def _cuda_version():
    """Major version of CUDA that the driver supports, or None."""
    _, found, rest = _nvidia_smi().partition("CUDA Version: ")
    return int(rest.split(".")[0]) if found and rest[:1].isdigit() else None


def _nvidia_smi(*arguments):
    try:
        return subprocess.run(["nvidia-smi", *arguments], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
