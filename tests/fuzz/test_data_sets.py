"""Folders of data with a damaged file: `verify` finds the damage, or it does none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cafct_keras.cli.data.phantom import LAYOUTS
from pipelines.layouts import load_layout, open_source, verify
from pipelines.layouts.phantom import Phantom
from pipelines.prepare import prepare
from tests.fuzz.damage import damages, other_value, replaced, scalars
from tests.fuzz.outcomes import campaign, counts, outcome, report

SIZE = 32
CHECKED = (".gz", ".png")  # formats with checksums: what is read is what was written


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Layout to a folder, its files, and what is read from it."""
    root, phantom, made = tmp_path_factory.mktemp("data"), Phantom(cases=3, slices=2, size=SIZE), {}
    for choice, (layout, options) in LAYOUTS.items():
        load_layout(layout).write(phantom, root / choice, **options)
        made[choice] = root / choice
    made["prepared"] = prepare(phantom, root / "tfds", size=SIZE)
    return {
        name: (folder, sorted(path for path in folder.rglob("*") if path.is_file()), read(folder))
        for name, folder in made.items()
    }


def read(folder):
    """Case to its patient, its part and its arrays."""
    source = open_source(folder, target="lesion", size=SIZE)
    return {
        case.name: (case.patient, case.split, case.images, *(case.masks[name] for name in sorted(case.masks)))
        for case in source.cases()
    }


@campaign(300)
@given(
    layout=st.sampled_from((*LAYOUTS, "prepared")),
    which=st.floats(0, 1, exclude_max=True),
    other=st.floats(0, 1, exclude_max=True),
    how=st.sampled_from(("damage", "damage", "damage", "damage", "swap", "remove", "json")),
    damage=damages,
    steps=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=4),
    value=scalars,
)
def test_a_damaged_file(folders, layout, which, other, how, damage, steps, value):
    folder, files, expected = folders[layout]
    path, swapped = files[int(which * len(files))], files[int(other * len(files))]
    content = path.read_bytes()
    if how == "swap":
        content = swapped.read_bytes()
    elif how == "remove":
        content = None
    elif how == "json" and path.suffix == ".json":
        content = other_value(content, steps, value)
    else:
        content = damage(content)
    if content == path.read_bytes():
        return
    kind, described = f"data, {layout}", f"{path.relative_to(folder)}: {how} {damage} {steps} {value} {swapped.name}"
    with replaced(path, content):
        findings = outcome(kind, described, lambda: verify(folder))
        found = outcome(kind, described, lambda: read(folder))
    clean = findings is not None and all(finding.severity == "note" for finding in findings)
    said = [finding.message for finding in findings or () if finding.code not in ("read", "patients-guessed")]
    if not clean:
        counts[f"{kind}: found by verify"] += 1
    elif found is None:
        report(kind, described, "a clean verdict on data that cannot be read", None)
    elif found.keys() != expected.keys() and not said and path.suffix != ".csv":
        report(kind, described, "a case is gone, or new, and nothing says so", None)
    elif path.suffix in CHECKED and how == "damage" and not same(found, expected):
        report(kind, described, "other pixels, and nothing says so", None)


def same(found, expected):
    return all(
        case in found and all(map(np.array_equal, found[case][2:], arrays[2:])) for case, arrays in expected.items()
    )
