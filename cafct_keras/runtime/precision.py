"""Supported precisions: Keras dtype policies."""

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
