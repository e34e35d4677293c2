"""What a user states about a paired folder, and `paired_folder.toml`."""

import dataclasses

import numpy as np
import pytest

from pipelines import open_source, verify
from pipelines.errors import DataError
from pipelines.intensity import apply_window
from pipelines.layouts.paired_folder.writer import write_paired_folder
from pipelines.layouts.phantom import Phantom
from pipelines.loading.slices import load_slices
from tests.pipelines.layouts.paired_folder.folders import read

FILE = "paired_folder.toml"
PHANTOM = Phantom(cases=3, slices=3, size=32)


def test_file_and_options_say_the_same_and_options_win(folder):
    before = read(folder)
    assert (before.window, before.orientation, before.reading) == (None, None, {})
    stated = read(folder, grey_window=(-40, 160), orientation="SPL", slice_step=None, labels=())
    assert (stated.window, stated.orientation) == ((-40, 160), "SPL")
    assert stated.reading == {"grey_window": [-40, 160], "orientation": "SPL"}
    lines = ("grey_window = [-40, 160]", 'orientation = "SPL"', "slice_step = 2", 'labels = ["liver=1"]')
    (folder / FILE).write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"masks: no mask has the label 1, only 0, 255; correct `labels`"):
        read(folder)
    filed = read(folder, labels=("lesion=255",), orientation="IPL")
    assert filed.targets == ("lesion",)
    assert (filed.window, filed.orientation, filed.settings.slice_step) == ((-40, 160), "IPL", 2)
    assert filed.fingerprint() != before.fingerprint() == stated.fingerprint()


BAD = {
    "grey_window = [160, -40]": "grey_window 160 -40: give the HU of grey 0 and of grey 255, the lower one first",
    "grey_window = -40": "grey_window -40: give the HU",
    'orientation = "upright"': "orientation upright: give the directions",
    "slice_step = 0": "slice_step 0: give 1 or more",
    "slice_step = true": "slice_step True: give 1 or more",
    "labels = [1, 2]": "labels: give a list of texts",
    "window = [-40, 160]": "window: unknown; choose patient_pattern, labels, slice_step, grey_window, orientation",
    "slice_step": "cannot be read as TOML",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_file_is_one_line_with_its_name(folder, text):
    (folder / FILE).write_text(text)
    with pytest.raises(DataError) as caught:
        read(folder)
    assert str(caught.value).startswith(f"{folder / FILE}: {BAD[text]}")
    assert "\n" not in str(caught.value)
    assert [one.file for one in verify(folder) if one.code == "settings"] == [FILE]


@pytest.mark.parametrize(("option", "value"), [("slice_step", 0), ("grey_window", (1, 1)), ("orientation", "SPX")])
def test_a_bad_option_is_one_line_with_its_name(folder, option, value):
    with pytest.raises(DataError, match=f"^`{option}` .*: give "):
        read(folder, **{option: value})


def test_what_is_written_says_its_window_and_orientation_and_shows_both_targets(tmp_path):
    write_paired_folder(PHANTOM, tmp_path / "both", target="both", window=(-40.0, 160.0))
    source = open_source(tmp_path / "both", target="both")
    assert (source.window, source.orientation, source.targets) == ((-40, 160), "IPL", ("liver", "lesion"))
    for one, other in zip(source.cases(), PHANTOM.cases(), strict=True):
        assert np.array_equal(one.images, apply_window(other.images, (-40.0, 160.0)))
        assert all(np.array_equal(one.masks[target], other.masks[target]) for target in source.targets)


def test_a_network_trained_on_grey_slices_sees_scans_as_it_saw_those(tmp_path):
    write_paired_folder(PHANTOM, tmp_path / "grey", window=(-40.0, 160.0))
    slices = load_slices(open_source(tmp_path / "grey"), target="lesion", size=32)
    case = next(PHANTOM.cases())
    seen = slices[case.split].preprocessing
    assert (seen.window, seen.window_known, seen.intensity) == ((-40, 160), True, "grey")
    turned = case.images[::-1, ::-1, ::-1]
    pixels = seen.pixels(turned, intensity="hu", orientation="SAR")
    assert np.array_equal(pixels, slices[case.split].images[: len(pixels)])
    (tmp_path / "grey" / FILE).unlink()
    unknown = load_slices(open_source(tmp_path / "grey"), target="lesion", size=32)["train"].preprocessing
    assert unknown == dataclasses.replace(seen, window=(-200, 250), window_known=False, orientation=None)
