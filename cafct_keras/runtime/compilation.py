"""Persistent compilation cache."""

import keras

from cafct_keras.runtime.compiler_memory import return_compiler_memory


def cache_compilations() -> None:
    """Keeps what XLA compiles for JAX in the user's cache folder, so that later runs skip most of the compiling.

    What compiling takes of memory is returned to the system, see `return_compiler_memory`.
    """
    if keras.backend.backend() != "jax":
        return
    return_compiler_memory()
    import jax
    import platformdirs

    jax.config.update("jax_compilation_cache_dir", str(platformdirs.user_cache_path("cafct-keras") / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
