"""Scans to masks with one run or several, whose networks are thresholds of grey values."""

import dataclasses
import json

import keras
import nibabel
import numpy as np
import pytest

from cafct_keras.errors import UserError
from cafct_keras.postprocessing import PostProcessing
from cafct_keras.prediction import Network, Segmenter
from pipelines.errors import DataError
from pipelines.loading.augmentation import Augmentation
from pipelines.scans import find_scans
from tests.evaluating import LESION, hounsfield, labels_of, make_run, save_nifti, write_scans
from tests.training.micro import micro


def labels(number):
    """Those of `labels_of`, with a slice more on top, so that the liver is not in the middle."""
    return np.pad(labels_of(number), ((0, 1), (0, 0), (0, 0)))


FLIPS, TURNS = Augmentation(flip=True), Augmentation(quarter_turns=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three scans without masks, with a speck of a lesion outside the liver, in its slices and below."""
    folder = tmp_path_factory.mktemp("input") / "scans"
    folder.mkdir()
    for number in range(3):
        hu = hounsfield(labels(number))
        hu[0:2, 1:3, 1:3] = LESION
        save_nifti(folder / f"ct-{number}.nii.gz", hu)
    return folder


@pytest.fixture(scope="module")
def run_of(scans, tmp_path_factory):
    """Makes runs, each once."""
    root, made = tmp_path_factory.mktemp("runs"), {}

    def make(name, **options):
        if name not in made:
            made[name] = make_run(root / name, scans, **options)
        return made[name]

    return make


@pytest.fixture
def liver(run_of):
    return run_of("liver", target="liver", cuts=(0.45,))


@pytest.fixture
def lesion(run_of):
    return run_of("lesion", target="lesion", cuts=(0.78,))


def segmented(folder, *runs, **options):
    return list(Segmenter(runs, engine="keras", **options).segment(find_scans([folder]).scans))


def with_choice(run, tmp_path, **choice):
    """A copy of a run for which something was chosen."""
    copy = tmp_path / run.name
    copy.mkdir()
    (copy / "model.keras").write_bytes((run / "model.keras").read_bytes())
    (copy / "run.json").write_text(json.dumps({**json.loads((run / "run.json").read_text()), "choice": choice}))
    return copy


def expected(number):
    found = labels(number)
    found[0:2, 1:3, 1:3] = 2
    return found


@pytest.mark.backends
def test_masks_lie_on_the_grid_of_the_scan(folder, run_of, tmp_path):
    for number, found in enumerate(segmented(folder, run_of("both"))):
        assert (found.name, found.engine) == (f"ct-{number}", "keras")
        assert found.labels_of == {"liver": 1, "lesion": 2}
        np.testing.assert_array_equal(found.labels, expected(number))
        image = nibabel.load(folder / f"ct-{number}.nii.gz")
        np.testing.assert_array_equal(found.mask, np.where(np.asarray(image.dataobj) >= LESION, 2, found.mask))
        np.testing.assert_array_equal(found.affine, image.affine)
        assert found.measurements.lesion_count == 2
        assert np.asarray(found.probability["lesion"])[found.labels == 2].min() > 0.5
        found.save(tmp_path / "mask.nii.gz")
        written = nibabel.load(tmp_path / "mask.nii.gz")
        np.testing.assert_array_equal(np.asarray(written.dataobj), found.mask)
        np.testing.assert_array_equal(written.affine, image.affine)
    with pytest.raises(UserError, match=r"mask.gif: unknown suffix; give one of .nii.gz, "):
        found.save(tmp_path / "mask.gif")


@pytest.mark.backends
def test_a_scan_is_segmented_alike_alone_and_among_others(folder, scans, tmp_path):
    """To the last bit, so that a job that is resumed ends as one that was not; 6 slices do not fill a batch."""
    run = make_run(tmp_path / "run", scans)
    micro(classes=2, width=16).save(run / "model.keras")
    for found in segmented(folder, run):
        (alone,) = segmented(folder / f"{found.name}.nii.gz", run)
        for target, probability in found.probability.items():
            np.testing.assert_array_equal(np.asarray(alone.probability[target]), np.asarray(probability))


def test_probabilities_of_several_runs_are_averaged(folder, run_of):
    """Runs that see the scan alike, and runs that see it larger and the other way round."""
    runs = [run_of("both"), run_of("low", cuts=(0.3, 0.6)), run_of("large", size=64)]
    card = json.loads((runs[2] / "run.json").read_text())
    card["data"]["orientation"] = "IAR"
    (runs[2] / "run.json").write_text(json.dumps(card))
    single = [segmented(folder, run) for run in runs]
    for chosen in ((0, 1), (0, 2), (0, 1, 2)):
        for number, found in enumerate(segmented(folder, *(runs[index] for index in chosen))):
            for target in ("liver", "lesion"):
                mean = np.mean([np.asarray(single[index][number].probability[target]) for index in chosen], axis=0)
                np.testing.assert_allclose(np.asarray(found.probability[target]), mean, atol=1e-6)
                np.testing.assert_array_equal(np.asarray(found.masks[target]), mean > 0.5)


def test_runs_of_two_targets_give_both(folder, run_of, liver, lesion):
    for runs in ((liver, lesion), (lesion, liver)):
        segmenter = Segmenter(runs, engine="keras")
        assert (segmenter.targets, segmenter.labels_of) == (("liver", "lesion"), {"liver": 1, "lesion": 2})
        for number, found in enumerate(segmenter.segment(find_scans([folder]).scans)):
            np.testing.assert_array_equal(found.labels, expected(number))
    (found, *_) = segmented(folder, lesion)
    assert found.labels_of == {"lesion": 1}
    np.testing.assert_array_equal(found.labels, expected(0) == 2)


@pytest.mark.parametrize("orientation", ["SPL", "IPL"])
def test_lesions_are_looked_for_in_the_slices_of_the_liver_only(folder, run_of, liver, orientation, monkeypatch):
    """The speck outside, which looks like liver too, is in the liver's first slice and in the one before."""
    lesion = run_of(f"lesion-{orientation}", target="lesion", cuts=(0.78,))
    card = json.loads((lesion / "run.json").read_text())
    card["data"]["orientation"] = orientation
    (lesion / "run.json").write_text(json.dumps(card))
    shown = []
    predict = Network.predict

    def watched(self, cases, rows, **options):
        shown.append((self.name, sum(map(len, rows))))
        return predict(self, cases, rows, **options)

    monkeypatch.setattr(Network, "predict", watched)
    found = segmented(folder, lesion, within=liver)
    assert sum(count for name, count in shown if name == "liver") == 3 * 7
    assert sum(count for name, count in shown if name == lesion.name) == 3 * 4
    whole = segmented(folder, lesion)
    for number, each in enumerate(found):
        same = np.asarray(each.probability["lesion"])[1:5] == np.asarray(whole[number].probability["lesion"])[1:5]
        assert same.all()
        assert list(each.masks) == ["liver", "lesion"]
        np.testing.assert_array_equal(np.asarray(each.masks["lesion"]), labels(number) == 2)
        assert [plane.any() for plane in each.probability["lesion"]] == [False, True, True, True, True, False, False]
    with pytest.raises(UserError, match=r"`within` .*lesion-...: predicts no liver"):
        Segmenter([lesion], within=lesion)
    with pytest.raises(UserError, match=r"`within` .*liver: keeps lesions to the liver, but no run predicts any"):
        Segmenter([liver], within=liver)


def test_a_scan_without_a_liver_has_no_lesions(tmp_path, liver, lesion):
    save_nifti(tmp_path / "empty.nii.gz", np.random.default_rng(0).integers(-900, -300, (6, 32, 32)).astype(np.int16))
    (found,) = segmented(tmp_path, lesion, within=liver)
    assert not found.labels.any()


def lopsided(run, augmentation):
    """A network that sees the pixel to the right of each, trained with random changes."""
    model = keras.saving.load_model(run / "model.keras")
    image = keras.Input((None, None, 3))
    moved = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(keras.layers.Cropping2D(((1, 0), (1, 0)))(image))
    keras.Model(image, model(moved)).save(run / "model.keras")
    card = json.loads((run / "run.json").read_text())
    card["config"]["data"]["augmentation"] = dataclasses.asdict(augmentation)
    (run / "run.json").write_text(json.dumps(card))
    return run


@pytest.mark.parametrize(
    ("augmentation", "ways"),
    [
        (FLIPS, [(0, 0), (0, 1), (2, 0), (2, 1)]),
        (TURNS, [(k, 0) for k in range(4)]),
        (Augmentation(flip=True, quarter_turns=True), [(k, flip) for k in range(4) for flip in (0, 1)]),
    ],
)
def test_what_training_made_a_network_invariant_to_is_averaged_over(scans, folder, tmp_path, augmentation, ways):
    run = lopsided(make_run(tmp_path / "run", scans), augmentation)
    (plain, *_), (found, *_) = segmented(folder, run), segmented(folder, run, tta=True)
    network = Network.open(run)
    images = nibabel.load(folder / "ct-0.nii.gz").get_fdata().transpose(2, 1, 0).astype(np.int16)
    image = network.preprocessing.inputs(network.preprocessing.pixels(images, intensity="hu", orientation="SPL"))
    total = 0
    for turns, flip in ways:
        turned = np.rot90(image, turns, axes=(1, 2))
        turned = turned[:, :, ::-1] if flip else turned
        one = network.engine(np.ascontiguousarray(turned))
        total = total + np.rot90(one[:, :, ::-1] if flip else one, -turns, axes=(1, 2)) / len(ways)
    for channel, target in enumerate(("liver", "lesion")):
        np.testing.assert_allclose(np.asarray(found.probability[target]), total[..., channel], atol=1e-6)
        assert np.abs(np.asarray(plain.probability[target]) - total[..., channel]).max() > 0.1


def test_a_network_that_knows_no_other_way_round_is_not_turned(run_of):
    with pytest.raises(UserError, match=r"`tta`: .*both was trained without `flip` and `quarter_turns`"):
        Segmenter([run_of("both")], tta=True)


def test_what_was_chosen_for_a_run_is_used_and_said(folder, run_of, liver, lesion, tmp_path):
    steps = {"largest_liver": True, "lesions_inside_liver": True}
    chosen = {"threshold": 0.25, "threshold_rule": "pooled_dice", "postprocessing": steps}
    run = with_choice(run_of("both"), tmp_path, **chosen)
    segmenter = Segmenter([run], engine="keras")
    assert segmenter.notes[-3:] == (
        "threshold: 0.25 for liver, chosen on the validation part by pooled_dice for both",
        "threshold: 0.25 for lesion, chosen on the validation part by pooled_dice for both",
        "post-processing: largest component of the liver, lesions inside the liver; kept with the run",
    )
    assert segmenter.settings["thresholds"] == {"liver": 0.25, "lesion": 0.25}
    (found, *_) = segmenter.segment(find_scans([folder]).scans)
    np.testing.assert_array_equal(found.labels, labels(0))  # without the speck
    asked = Segmenter([run], threshold=0.4, postprocessing=PostProcessing())
    assert asked.settings["thresholds"] == {"liver": 0.4, "lesion": 0.4}
    assert not any("chosen" in note for note in asked.notes)
    # Each target by the runs that predict it: of two livers for which another threshold was chosen, neither's.
    other = with_choice(liver, tmp_path, threshold=0.3)
    assert Segmenter([run, other]).settings["thresholds"] == {"liver": 0.5, "lesion": 0.25}
    assert Segmenter([other, lesion]).settings["thresholds"] == {"liver": 0.3, "lesion": 0.5}
    assert any("none was chosen for lesion" in note for note in Segmenter([other, lesion]).notes)


def test_a_run_that_is_not_finished_says_so(liver, tmp_path):
    run = with_choice(liver, tmp_path, threshold=0.5)
    (run / "run.json").write_text((run / "run.json").read_text().replace('"finished"', '"interrupted"'))
    assert "liver: its training is not finished (status: interrupted)" in Segmenter([run], engine="keras").notes


def test_the_settings_are_all_that_a_result_depends_on(run_of, liver, lesion, tmp_path):
    """What a job compares with its results before it adds others to them."""
    other = with_choice(liver, tmp_path, threshold=0.3)
    made = [
        Segmenter([lesion], engine="keras", **options).settings
        for options in (
            {},
            {"threshold": 0.4},
            {"postprocessing": PostProcessing(smallest_lesion=5)},
            {"within": liver},
            {"within": other},
            {"batch_size": 4},
            {"smooth_slices": 1.0},
        )
    ]
    seen = with_choice(lesion, tmp_path, threshold=0.5)
    card = json.loads((seen / "run.json").read_text())
    card["config"]["data"]["window"] = [-100, 200]
    (seen / "run.json").write_text(json.dumps(card))
    made.append(Segmenter([seen], engine="keras").settings)
    assert len({json.dumps(settings) for settings in made}) == len(made)
    assert Segmenter([lesion], engine="keras").settings == made[0]


def test_what_cannot_be_done_is_said_at_once(liver, tmp_path):
    with pytest.raises(UserError, match=r"`threshold` 1.5: give a number between 0 and 1"):
        Segmenter([liver], threshold=1.5)
    with pytest.raises(UserError, match=r"`smallest_lesion`: needs lesion"):
        Segmenter([liver], postprocessing=PostProcessing(smallest_lesion=10))
    (tmp_path / "alone.keras").write_bytes((liver / "model.keras").read_bytes())
    with pytest.raises(UserError, match=r"alone.keras: no run.json beside it"):
        Segmenter([tmp_path / "alone.keras"])


def test_scans_that_cannot_be_read_are_left_out_or_end_it(liver, tmp_path):
    write_scans(tmp_path / "scans", parts=("test",) * 3)
    scans = find_scans(sorted((tmp_path / "scans").glob("volume-*"))).scans
    damaged = scans[1].path
    damaged.write_bytes(damaged.read_bytes()[:200])
    failures = []
    found = list(Segmenter([liver]).segment(scans, failures=failures))
    assert [each.name for each in found] == ["volume-0", "volume-2"]
    assert [failure["case"] for failure in failures] == ["volume-1"]
    with pytest.raises(DataError, match=r"volume-1.nii.gz: "):
        list(Segmenter([liver]).segment(scans))
