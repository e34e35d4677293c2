"""Persistent compilation cache."""


def cache_compilations():
    """Keeps what XLA compiles for JAX in the user's cache folder: the second start of a run skips most of it."""
    import keras

    if keras.backend.backend() != "jax":
        return
    import jax
    import platformdirs

    jax.config.update("jax_compilation_cache_dir", str(platformdirs.user_cache_path("cafct-keras") / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
