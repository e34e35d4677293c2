import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread

from pipelines import DataError, open_source
from pipelines.layouts.paired_folder.writer import write_paired_folder
from pipelines.layouts.phantom import Phantom
from pipelines.scans import Scan, find_scans
from pipelines.scans.names import with_unique_names
from tests.pipelines.layouts.conftest import WRITERS
from tests.pipelines.layouts.dicom.folders import edit, slice_paths
from tests.pipelines.scans.volumes import SHAPE, dicom, hu, metaimage, nifti, nrrd_file
from tests.pipelines.skipped import skipped


def found(*inputs, **options):
    """Name of each scan to the names of its files."""
    return {scan.name: [path.name for path in scan.files] for scan in find_scans(inputs, **options).scans}


def png(path, values=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8)) if values is None else values
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize("layout", WRITERS)
def test_a_data_folder_gives_the_cases_that_evaluate_sees(layout, tmp_path):
    WRITERS[layout](Phantom(cases=3, slices=3, size=32), tmp_path / "data")
    source = open_source(tmp_path / "data")
    cases = {case.name: case for case in source.cases()}
    for path in (tmp_path / "data").rglob("*"):  # masks are not looked at
        if "segmentation" in path.name or path.parent.name in ("labelsTr", "masks"):
            path.write_bytes(b"")
    scans = find_scans([tmp_path / "data"]).scans
    assert [scan.name for scan in scans] == list(source.parts)
    for scan in scans:
        case, expected = scan.read(), cases[scan.name]
        assert np.array_equal(case.images, expected.images)
        assert (scan.intensity, scan.orientation) == (source.intensity, source.orientation)
        assert (case.images.dtype, case.spacing, case.slice_names, case.contiguous) == (
            expected.images.dtype,
            expected.spacing,
            expected.slice_names,
            expected.contiguous,
        )
        assert (case.frame is None) == (expected.frame is None)
        assert case.frame is None or np.array_equal(case.frame.affine, expected.frame.affine)
        assert case.masks == {}


def test_slices_of_a_folder_are_the_cases_that_its_tables_say(tmp_path):
    data = tmp_path / "data"
    write_paired_folder(Phantom(cases=4, slices=6, size=32), data, target="both")
    for folder in ("images", "masks"):
        (data / folder / "phantom-001_002.png").unlink()
    rows = ["id,patient,split,case"]
    for path in sorted((data / "images").iterdir()):
        case = path.stem[8:11]
        patient, part = {"002": ("b", "validation"), "003": ("c", "test")}.get(case, ("a", "train"))
        rows.append(f"{path.stem},{patient},{part},{case}")
    (data / "index.csv").write_text("\n".join(rows))
    (data / "paired_folder.toml").write_text('slice_step = 1\ngrey_window = [-40, 160]\norientation = "SPL"')
    expected = {case.name: case for case in open_source(data).cases()}
    scans = find_scans([data]).scans
    assert [(scan.name, scan.patient) for scan in scans] == [(name, case.patient) for name, case in expected.items()]
    for scan in scans:
        case = scan.read()
        assert (scan.grey_window, scan.orientation) == ((-40, 160), "SPL")
        assert case.slice_names == expected[scan.name].slice_names
        np.testing.assert_array_equal(case.runs, expected[scan.name].runs)
    assert expected["001"].runs.max() == 1


def test_what_is_stated_of_slices_wins_over_the_file_of_the_folder(tmp_path):
    for number in (2, 4, 6, 10):
        png(tmp_path / "numbered" / f"{number}.png")
        png(tmp_path / "named" / f"a_{number}.png")
    (tmp_path / "named" / "paired_folder.toml").write_text('orientation = "IPL"\ngrey_window = [0, 255]')
    stated = {"slice_step": 2, "grey_window": (-40.0, 160.0), "orientation": "SPL"}
    for scan in find_scans([tmp_path], **stated).scans:
        assert (scan.grey_window, scan.orientation) == ((-40, 160), "SPL")
        assert scan.gaps == (False, False, True)
        np.testing.assert_array_equal(scan.read().runs, [0, 0, 0, 1])
    (named, numbered) = find_scans([tmp_path], orientation="SPR").scans
    assert (named.grey_window, named.orientation, named.contiguous) == ((0, 255), "SPR", False)
    assert (numbered.grey_window, numbered.orientation, numbered.contiguous) == (None, "SPR", False)


def test_stating_what_no_scan_needs_is_refused(tmp_path):
    nifti(tmp_path / "a.nii.gz", hu())
    with pytest.raises(DataError, match="`slice_step`: is about PNG slices, and these scans are none; leave it out"):
        find_scans([tmp_path], slice_step=2)
    with pytest.raises(DataError, match="`slice_step` 0: give 1 or more"):
        find_scans([png(tmp_path / "b.png")], slice_step=0)


def test_masks_are_left_aside_by_what_they_hold(tmp_path):
    blank, labels = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    labels[2:5, 2:5, 1:3] = 5
    nifti(tmp_path / "a.nii.gz", hu())
    nifti(tmp_path / "b.nii.gz", labels)
    nifti(tmp_path / "a_seg.nii.gz", labels.astype(np.float32))
    metaimage(tmp_path / "c.mha", (np.random.default_rng(0).random(SHAPE) * 255).astype(np.uint8))
    metaimage(tmp_path / "c_Rad01.mha", blank)
    nrrd_file(tmp_path / "d.seg.nrrd", labels, Segment0_Name="liver", Segment0_LabelValue="5")
    png(tmp_path / "e.png")
    png(tmp_path / "e_mask.png", np.zeros((6, 8)))
    scans = find_scans([tmp_path])
    assert [(scan.name, scan.intensity) for scan in scans.scans] == [("a", "hu"), ("c", "grey"), ("e", "grey")]
    assert scans.notes == ("not read: masks (5: a_seg.nii.gz, b.nii.gz, c_Rad01.mha, d.seg.nrrd, e_mask.png)",)


def test_slices_are_stacked_by_patient(tmp_path):
    for name in ("p1_2", "p1_10", "p1_1", "p2_7", "slices/1", "slices/2", "mixed/q_1", "mixed/q_2"):
        png(tmp_path / f"{name}.png")
    png(tmp_path / "mixed" / "q_3.png", np.zeros((4, 4)))
    (tmp_path / "p3.jpg").write_bytes(b"\xff\xd8\xff")
    assert found(tmp_path) == {
        "p1": ["p1_1.png", "p1_2.png", "p1_10.png"],
        "p2_7": ["p2_7.png"],
        "q_1": ["q_1.png"],
        "q_2": ["q_2.png"],
        "q_3": ["q_3.png"],
        "slices": ["1.png", "2.png"],
    }
    scans = {scan.name: scan.read() for scan in find_scans([tmp_path]).scans}
    assert scans["p1"].images.shape == (3, 6, 8)
    assert (scans["p1"].contiguous, scans["slices"].contiguous) == (False, True)
    assert scans["p1"].slice_names == ("p1_1", "p1_2", "p1_10")
    assert skipped(find_scans([tmp_path]).notes) == {"JPEG files, which are lossy": 1}


def test_slices_of_the_same_names_are_told_apart(tmp_path):
    for folder in ("one", "two"):
        for k in (1, 2):
            png(tmp_path / folder / f"slice_{k}.png")
    scans = find_scans([tmp_path]).scans
    assert [scan.name for scan in scans] == ["one_slice", "two_slice"]
    assert scans[1].read().slice_names == ("two_slice_slice_1", "two_slice_slice_2")


def test_an_index_says_whose_slices_they_are(tmp_path):
    for name in ("a", "b", "c"):
        png(tmp_path / "images" / f"{name}.png")
    (tmp_path / "index.csv").write_text("id,patient,split\na,x,test\nb,y,test\nc,x,test\n")
    assert found(tmp_path) == {"x": ["a.png", "c.png"], "b": ["b.png"]}


@pytest.fixture
def tree(tmp_path):
    """A patient with a scan, and with everything else that a study may hold."""
    study = tmp_path / "patient" / "study"
    series = dicom(study, hu(), name="venous")
    (study / "index.csv").unlink()
    paths = slice_paths(series)

    def copy(name, source=0, **changes):
        (study / name).parent.mkdir(exist_ok=True)
        shutil.copy(paths[source], study / name)
        edit(study / name, **changes)

    for k in range(3):
        place = [0.0, 10.0 * k, 0.0]
        turned = {"SeriesInstanceUID": "1.2.1", "ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}
        copy(f"coronal/{k}.dcm", ImagePositionPatient=place, **turned)
        copy(f"mr/{k}.dcm", k, Modality="MR", SeriesInstanceUID="1.2.2")
        copy(f"venous/tracking{k}.dcm", SeriesInstanceUID="1.2.3", SOPInstanceUID=f"1.2.3.{k}")
    copy("venous/scout.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    screen = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7", "ImagePositionPatient": None, "SeriesInstanceUID": "1.2.4"}
    copy("venous/dose.dcm", **screen)
    for modality in ("SR", "RTSTRUCT"):
        copy(f"{modality}.dcm", Modality=modality, Rows=None, Columns=None, PixelData=None)
    copy("SEG.dcm", Modality="SEG")
    Image.new("L", (4, 4)).save(study / "venous" / "preview.png")
    (study / "readme.txt").write_text("exported")
    (study / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"1.2.840.10008.1.3.10")
    (study / "ct.mgz").write_bytes(b"something")
    return tmp_path


def test_the_axial_series_of_a_tree_are_scans(tree):
    dicom(tree / "patient" / "other", hu(1), name="venous", patient="P1")
    scans = find_scans([tree])
    assert [scan.name for scan in scans.scans] == ["other_venous", "study_venous"]
    for scan, seed in zip(scans.scans, (1, 0), strict=True):
        case = scan.read()
        assert (scan.format, scan.patient, len(scan.files)) == ("dicom", "P1", SHAPE[2])
        assert np.array_equal(case.images, hu(seed).transpose(2, 1, 0))
        heights = [dcmread(path).ImagePositionPatient[2] for path in scan.files]
        assert np.allclose(heights, -40 + 2.5 * np.arange(SHAPE[2]))
    assert skipped(scans.notes) == {
        "slices that are not axial": 3,
        "MR images": 3,
        "slices at one place, as of bolus tracking": 3,
        "localizers": 1,
        "secondary captures": 1,
        "SR objects": 1,
        "RTSTRUCT objects": 1,
        "segmentations": 1,
        "pictures beside DICOM files": 1,
        "volumes that belong to no case by their names": 1,
        "other files": 1,
    }


def test_an_input_without_a_scan_is_told_with_what_it_holds(tree):
    with pytest.raises(DataError, match=r"coronal: no axial CT scan in it; not read: slices that are not axial \(3: "):
        find_scans([tree / "patient" / "study" / "coronal"])
    (tree / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no axial CT scan in it; give NIfTI, NRRD, MetaImage, DICOM or PNG"):
        find_scans([tree, tree / "empty"])
    scans = find_scans([tree, tree / "empty", tree / "absent"], keep_going=True)
    assert [scan.name for scan in scans.scans] == ["venous"]
    assert [failure["case"] for failure in scans.failures] == ["empty", "absent"]
    assert (
        scans.failures[1]["message"] == f"{tree / 'absent'}: no such file or folder; give a scan, or a folder of scans"
    )


def test_two_series_in_one_folder_are_an_error_and_others_go_on(tree):
    shutil.copytree(dicom(tree / "more", hu(2), name="late"), tree / "patient" / "study" / "venous", dirs_exist_ok=True)
    with pytest.raises(DataError, match=r"venous: several series, .* give each a folder of its own") as caught:
        find_scans([tree])
    assert "\n" not in str(caught.value)
    scans = find_scans([tree], keep_going=True)
    assert [scan.name for scan in scans.scans] == ["late"]
    assert scans.failures == ({"case": "venous", "message": str(caught.value)},)


def test_a_prepared_dataset_holds_no_scans(tmp_path):
    (tmp_path / "prepared" / "1.0.0").mkdir(parents=True)
    (tmp_path / "prepared" / "1.0.0" / "dataset_info.json").write_text("{}")
    with pytest.raises(DataError, match=r"prepared: no axial .*; not read: prepared datasets, .* \(1: "):
        find_scans([tmp_path / "prepared"])


def test_a_file_that_only_is_called_dicom_is_named(tmp_path):
    series = dicom(tmp_path / "data", hu())
    (series / "cut.dcm").write_bytes(b"")
    with pytest.raises(DataError, match=r"cut.dcm: is not a DICOM file; copy it again or delete it"):
        find_scans([tmp_path])


def test_files_are_taken_by_their_names(tmp_path):
    series = dicom(tmp_path / "data", hu())
    one = slice_paths(series)[2]
    labels = nifti(tmp_path / "masks" / "liver.nii", (hu() > 0).astype(np.uint8))
    assert found(one) == {one.stem: [one.name]}
    assert find_scans([one]).scans[0].read().images.shape == (1, 7, 8)
    assert found(labels, labels.parent / ".." / "masks" / "liver.nii") == {"liver": ["liver.nii"]}
    (tmp_path / "notes.txt").write_text("a")
    with pytest.raises(DataError, match=r"notes.txt: not a scan; give NIfTI"):
        find_scans([tmp_path / "notes.txt"])


def test_links_are_followed_but_not_in_circles(tmp_path):
    nifti(tmp_path / "store" / "a.nii", hu())
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "store")
    (tmp_path / "data" / "sub" / "round").symlink_to(tmp_path / "data")
    assert found(tmp_path / "data") == {"a": ["a.nii"]}


def test_a_scan_can_be_sent_to_another_process_and_known_by_its_content(tmp_path):
    scans = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (scans[name],) = find_scans([nifti(tmp_path / f"{name}.nii", hu(seed))]).scans
    again = pickle.loads(pickle.dumps(scans["a"]))
    assert again == scans["a"]
    assert np.array_equal(again.read().images, scans["a"].read().images)
    assert scans["a"].fingerprint() == scans["b"].fingerprint() != scans["c"].fingerprint()


PARTS = st.lists(st.sampled_from(["a", "A", "b", "a_b"]), min_size=1, max_size=3)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sets(PARTS.map(tuple), min_size=1, max_size=8))
def test_names_are_unique_whatever_the_folders_and_their_order(paths):
    root = "/data"
    scans = [
        Scan(name=path[-1], path=Path(root, *path), files=(Path(root, *path),), format="nifti", slice_names=())
        for path in sorted(paths)
    ]
    names = {scan.path: scan.name for scan in with_unique_names(scans)}
    assert len({name.casefold() for name in names.values()}) == len(scans)
    assert {scan.path: scan.name for scan in with_unique_names(scans[::-1])} == names


def test_a_linked_scan_is_called_after_the_folder_of_the_link(tmp_path):
    for number in range(2):
        stored = nifti(tmp_path / "store" / f"{number}.nii.gz", hu(number))
        case = tmp_path / "data" / f"case{number}"
        case.mkdir(parents=True)
        (case / ("ct.nii.gz", "CT.NII.GZ")[number]).symlink_to(stored)
    assert list(found(tmp_path / "data")) == ["case0", "case1"]


@pytest.mark.parametrize("deeper", ["", "patient"])
def test_masks_of_a_paired_folder_are_masks_in_any_case_and_depth(deeper, tmp_path):
    for kind in ("Images", "Masks"):
        for k in (1, 2):
            png(tmp_path / kind / deeper / f"p_{k}.png")
    scans = find_scans([tmp_path])
    assert [len(scan.files) for scan in scans.scans] == [2]
    assert skipped(scans.notes) == {"masks": 2}
