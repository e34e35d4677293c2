"""Every module without POSIX, after the libraries, which know Windows."""

import pathlib
import subprocess
import sys

CODE = """
import importlib, pkgutil
import h5py, jax, keras, matplotlib.pyplot, optax, scipy.ndimage, scipy.stats, tensorflow
import pytest
from tests.portability import windows

def modules(name):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if "cafct-keras[beam]" not in str(error):  # which holds other packages back
            raise
        return
    yield name
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{name}."):
        yield from modules(found.name)

with pytest.MonkeyPatch.context() as patch:
    windows.take_posix_away(patch)
    print(sum(1 for package in ("pipelines", "cafct_keras") for name in modules(package)))
"""


def test_every_module_is_imported_without_posix():
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 400
