"""Peak memory."""

import pathlib
import sys

import keras


def peak_memory() -> int:
    """Peak memory in bytes: the accelerator's if it reports one, else the process's; 0 if the system reports none."""
    if keras.backend.backend() == "jax":
        import jax

        allocator = jax.local_devices()[0].memory_stats()
        if allocator:
            return allocator["peak_bytes_in_use"]
    if keras.backend.backend() == "torch":
        import torch

        if torch.cuda.is_available():
            return torch.cuda.max_memory_allocated()
    return process_peak_memory()


def process_peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes; 0 on Windows, where Python does not report it."""
    if sys.platform == "linux":
        # getrusage includes the peak of the program that started this one.
        return 1024 * int(
            pathlib.Path("/proc/self/status").read_text(encoding="utf-8").partition("VmHWM:")[2].split()[0]
        )
    if sys.platform == "win32":
        return 0
    import resource

    # Bytes on macOS, kilobytes on other systems.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
