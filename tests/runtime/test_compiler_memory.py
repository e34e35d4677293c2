"""Memory of XLA's compiler goes back to the system before the first step."""

import json
import platform
import subprocess
import sys

import keras
import pytest

CODE = """
import json, os
import cafct_keras, jax
import jax.numpy as jnp
from cafct_keras.runtime import compiler_memory

# Small graphs compile in less than the second from which it pays.
compiler_memory._SECONDS = 0.0
trims = []
compiler_memory._trim_of_glibc = lambda: lambda: trims.append("trimmed")
compiler_memory.return_compiler_memory()
compiler_memory.return_compiler_memory()

@jax.jit
def step(x):
    jax.debug.callback(lambda: trims.append("step"))
    return jnp.sin(x)

x = jnp.arange(3.0)
trims.clear()
step(x).block_until_ready()
step(x).block_until_ready()
jax.effects_barrier()
print(json.dumps(trims))
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="XLA compiles for JAX only")
def test_memory_is_returned_after_compiling_and_before_the_first_step():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["trimmed", "step", "step"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of the GNU C library")
def test_free_memory_is_returned():
    code = """
from cafct_keras.runtime.compiler_memory import _trim_of_glibc

def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))

pieces = [bytearray(1000) for _ in range(300_000)]
last = bytearray(1000)  # above all of them in the heap
del pieces
before = resident()
_trim_of_glibc()()
print(before - resident())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 200_000  # kB
