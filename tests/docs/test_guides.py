"""Python code of the guides."""

import numpy as np

from cafct_keras.models import registry
from tests.docs.pages import blocks


def run(page, **names):
    """Runs the Python code of a guide and returns its names."""
    for code in blocks(f"how_to/{page}", "python"):
        exec(compile(code, page, "exec"), names)
    return names


def test_masks_are_scored():
    reference = np.zeros((3, 8, 8), bool)
    reference[1, 2:6, 2:6] = True
    prediction = np.roll(reference, 1, axis=2)
    names = run("score_other_tools.md", masks=[("a", "1", prediction, reference), ("b", "2", reference, reference)])
    assert names["dice"].value == (0.75 + 1) / 2
    assert names["summary"].patients == names["dice"].units == 2


def test_a_network_of_ones_own_is_built_by_its_name(monkeypatch):
    monkeypatch.setattr(registry, "_NETWORKS", {**registry._NETWORKS})
    model = run("extend.md")["model"]
    assert (model.name, model.output_shape) == ("own_net", (None, 256, 256, 2))
    assert "own_net" in registry.list_models()
