"""Deterministic computation on GPUs."""

import os


def make_deterministic():
    """Keeps GPUs from adding up in whatever order comes first, at some cost of speed. CPUs are deterministic as it is.

    Under JAX it counts from the first computation on: call it before.
    """
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        flags = os.environ.get("XLA_FLAGS", "")
        if "--xla_gpu_deterministic_ops" not in flags:
            os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()
    elif backend == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    else:
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
