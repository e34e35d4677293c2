"""The evaluation needs no network: it scores masks where no deep-learning framework is installed."""

import subprocess
import sys

import cafct_keras

CODE = """
import sys, types

class Absent:
    def find_spec(name, path=None, target=None):
        if name in ("keras", "jax", "tensorflow", "torch"):
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Absent)
package = types.ModuleType("cafct_keras")  # without what the package brings along for networks
package.__path__ = [sys.argv[1]]
sys.modules["cafct_keras"] = package

import numpy as np

import cafct_keras.evaluation as evaluation

more = {"PIL", "nibabel", "rich", "jinja2", "matplotlib"} & set(sys.modules)
assert not more, more
mask = np.ones((2, 4, 4), bool)
summary = evaluation.summarize([evaluation.score(mask, mask, case="a")])
assert summary.targets["lesion"].overlap["pooled"]["dice"].value == 1

import cafct_keras.evaluation.folders, cafct_keras.evaluation.writing, cafct_keras.evaluation.console
"""


def test_no_framework_is_needed():
    subprocess.run([sys.executable, "-c", CODE, cafct_keras.__path__[0]], check=True)
