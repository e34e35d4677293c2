"""Peak memory."""

import pathlib
import resource
import sys

import keras


def peak_memory():
    """Bytes: the accelerator's peak where it reports one, else the process's."""
    if keras.backend.backend() == "jax":
        import jax

        statistics_ = jax.local_devices()[0].memory_stats()
        if statistics_:
            return statistics_["peak_bytes_in_use"]
    if keras.backend.backend() == "torch":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.max_memory_allocated()
    return process_peak_memory()


def process_peak_memory():
    """Bytes: the most memory that this process has had resident."""
    if sys.platform == "linux":
        # What getrusage says there begins with the peak of the program that started this one.
        return 1024 * int(pathlib.Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
    # Bytes on macOS, kilobytes elsewhere.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
