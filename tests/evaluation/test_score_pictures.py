import pathlib
import re

import matplotlib as mpl

from benchmarks.score_pictures import grids, lesions, overlap, surfaces
from benchmarks.score_pictures.drawing import STYLE
from cafct_keras.evaluation import RULES

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "explanation" / "scores.md"
PICTURES = PAGE.with_suffix("")


def test_the_page_on_scores_has_the_scores_of_its_example():
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([0-9.]+) \| ([0-9.]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    scored = overlap.summary().targets["lesion"].overlap
    dice = {rule: measures["dice"] for rule, measures in scored.items()}
    assert rows == [(rule, f"{dice[rule].value:.3f}", f"{dice[rule].predict_nothing:.3f}") for rule in RULES]


def test_every_rule_has_a_picture_and_every_picture_is_drawn(tmp_path):
    with mpl.rc_context(STYLE):
        for module in (overlap, surfaces, lesions, grids):
            module.draw(tmp_path)
    drawn = {path.name for path in tmp_path.iterdir()}
    shown = re.findall(r"\]\(scores/(\w+\.png)\)", PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(drawn) == sorted(path.name for path in PICTURES.iterdir())
    assert {f"{rule}.png" for rule in RULES} <= drawn
