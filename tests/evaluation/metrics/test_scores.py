import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cafct_keras import evaluation
from cafct_keras.errors import UserError

MASK = np.zeros((3, 4, 5), np.uint8)
MASK[1, 1:3, 2:4] = 1


def test_masks_of_every_kind_score_alike():
    expected = evaluation.score(MASK.astype(bool), MASK.astype(bool), case="a")
    for dtype in (np.uint8, np.int8, np.int64, bool):
        case = evaluation.score(MASK.astype(dtype), MASK, case="a")
        assert case.targets["lesion"].counts.tp.tolist() == expected.targets["lesion"].counts.tp.tolist() == [0, 4, 0]


def test_a_case_keeps_its_names():
    case = evaluation.score(MASK, MASK, case="study-3", patient="3", spacing=[2, 0.7, 0.7], slice_names=["x", "y", "z"])
    assert (case.case, case.patient, case.spacing) == ("study-3", "3", (2.0, 0.7, 0.7))
    assert case.slice_names == ("x", "y", "z")
    assert evaluation.score(MASK, MASK, case="study-3").patient == "study-3"
    assert evaluation.score(MASK, MASK, case="study-3").slice_names == ("0", "1", "2")


def test_a_single_slice_is_no_volume():
    case = evaluation.score(MASK[1], MASK[1], case="a", spacing=(5.0, 1.0, 1.0))
    assert not case.contiguous
    assert case.targets["lesion"].surface.unit == "slice"
    assert case.targets["lesion"].lesions.lesions[0].size == 4


def test_no_mask_is_kept():
    large = np.zeros((40, 128, 128), bool)
    large[10:20, 30:60, 30:60] = True
    case = evaluation.score(large, large, case="a", spacing=(1, 1, 1))

    def arrays(thing):
        if isinstance(thing, np.ndarray):
            yield thing
        elif isinstance(thing, dict | tuple | list):
            for each in thing.values() if isinstance(thing, dict) else thing:
                yield from arrays(each)
        elif hasattr(thing, "__dict__"):
            yield from arrays(vars(thing))

    kept = list(arrays(case))
    assert len(kept) > 4
    assert all(each.base is None or each.base.size < 1000 for each in kept)
    assert sum(each.nbytes for each in kept) < 100 * len(large)


BAD = [
    ({"prediction": MASK[:2]}, r"lesion has shape \(2, 4, 5\)"),
    ({"prediction": MASK * 0.7}, "prediction of lesion is float64.*probability > 0.5"),
    ({"reference": MASK.astype("float32")}, "reference of lesion is float32"),
    ({"prediction": np.full(MASK.shape, np.nan)}, "prediction of lesion holds NaN"),
    ({"prediction": MASK * 2}, "holds the value 2.*labels == 2"),
    ({"reference": MASK.astype(int) * -1}, "holds the value -1"),
    ({"prediction": MASK.astype(str)}, "integers 0 and 1"),
    ({"prediction": MASK[0, 0], "reference": MASK[0, 0]}, "at least one pixel"),
    ({"prediction": MASK[:0], "reference": MASK[:0]}, "at least one pixel"),
    ({"spacing": (1, 0, 1)}, "three positive lengths"),
    ({"spacing": (1, 1)}, "three positive lengths"),
    ({"spacing": (1, 1, float("nan"))}, "three positive lengths"),
    ({"spacing": 1.0}, "three positive lengths"),
    ({"slice_names": ["one"]}, "1 slice_names for 3 slices"),
    ({"prediction": {"lesion": MASK}}, "mapping"),
    ({"prediction": {"liver": MASK}, "reference": {"lesion": MASK}}, "shows liver, the reference lesion"),
    ({"prediction": {}, "reference": {}}, "nothing"),
    (
        {side: {"liver": MASK, "lesion": MASK[:2]} for side in ("prediction", "reference")},
        "masks of one shape",
    ),
]


@pytest.mark.parametrize(("changed", "message"), BAD)
def test_mistakes_are_told_in_one_line(changed, message):
    with pytest.raises(UserError, match=message) as caught:
        evaluation.score(**{"prediction": MASK, "reference": MASK, "case": "study-3", **changed})
    assert str(caught.value).startswith("study-3: ")
    assert "\n" not in str(caught.value)


def test_evaluation_loads_numpy_and_scipy_alone():
    # The package above it imports Keras today; its own modules must not.
    code = """
import sys, types, importlib
package = types.ModuleType("cafct_keras")
package.__path__ = ["cafct_keras"]
sys.modules["cafct_keras"] = package
importlib.import_module("cafct_keras.evaluation")
heavy = {"keras", "tensorflow", "jax", "torch", "matplotlib", "nibabel", "PIL"} & set(sys.modules)
sys.exit(f"loads {heavy}" if heavy else 0)
"""
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)
