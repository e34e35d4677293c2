import shutil
import subprocess

import highdicom
import numpy as np
import pytest
from pydicom import dcmread, dcmwrite

from pipelines.errors import DataError
from pipelines.scans.writers import write_mask
from tests.pipelines.layouts.dicom.folders import edit, tiny, write
from tests.pipelines.scans.writers.conftest import ALGORITHM, LABELS_OF, labels_by_threshold, only_scan, segment
from tests.pipelines.scans.writers.geometry import LPS, oblique, read_by_itk, readers


def write_series(folder, array, affine, *, numbers=None, **values):
    """Writes `(column, row, slice)` HU, RAS+, as one file per slice; returns {SOPInstanceUID: k}."""
    columns, rows, count = array.shape
    (case,) = write(folder, tiny(shape=(count, rows, columns), masks={}))
    files = sorted(case.glob("*.dcm"))
    numbers = numbers or range(1, count + 1)
    lps = LPS @ affine
    steps = np.linalg.norm(lps[:3, :3], axis=0)
    for k, (path, number) in enumerate(zip(files, numbers, strict=True)):
        edit(
            path,
            ImagePositionPatient=(lps @ [0, 0, k, 1])[:3].round(6).tolist(),
            ImageOrientationPatient=[*(lps[:3, 0] / steps[0]).round(9), *(lps[:3, 1] / steps[1]).round(9)],
            PixelSpacing=[float(steps[1]), float(steps[0])],
            InstanceNumber=number,
            PixelData=(array[:, :, k].T.astype(np.int32) + 1024).astype("<u2").tobytes(),
            **values,
        )
    return case, {dcmread(path).SOPInstanceUID: k for k, path in enumerate(files)}


def turn(*axes, tilt=0.0):
    """RAS+ affine whose columns, rows and slices run along LPS axes, such as (1, 2, -3); the stack leans by `tilt`."""
    affine = np.zeros((4, 4))
    for column, (axis, step) in enumerate(zip(axes, (0.7, 0.9, 2.5), strict=True)):
        affine[abs(axis) - 1, column] = np.sign(axis) * step
    affine[:3, 2] += tilt * affine[:3, 1]
    affine[:, 3] = -40.25, 31.5, 205.125, 1
    return LPS @ affine


SERIES = {
    "feet first": turn(1, 2, 3),
    "head first": turn(1, 2, -3),
    "prone": turn(-1, -2, 3),
    "mirrored": turn(1, -2, 3),
    "mirrored, head first": turn(-1, 2, -3),
    "rows and columns swapped": turn(2, 1, 3),
    "oblique": oblique(8, -13, 21) @ np.diag([-1, -1, 1, 1]),
    "oblique, head first": oblique(-11, 4, 170) @ np.diag([1, 1, -1, 1]),
    "tilted gantry": turn(1, 2, 3, tilt=0.4),
}


needs_dciodvfy = pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")


def errors(path):
    """What dciodvfy finds wrong with a segmentation."""
    report = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    lines = (report.stdout + report.stderr).splitlines()
    assert "Segmentation" in lines
    return [line for line in lines if "Error" in line]


def frames(path):
    """Segment, position of the first pixel in mm LPS+, pixels and UID of the source of each frame."""
    seg = highdicom.seg.segread(path)
    for number, own in enumerate(seg.PerFrameFunctionalGroupsSequence):
        (source,) = own.DerivationImageSequence[0].SourceImageSequence
        yield (
            own.SegmentIdentificationSequence[0].ReferencedSegmentNumber,
            np.array(own.PlanePositionSequence[0].ImagePositionPatient, float),
            seg.pixel_array[number] if seg.pixel_array.ndim == 3 else seg.pixel_array,
            source.ReferencedSOPInstanceUID,
        )


@pytest.fixture(scope="module", params=SERIES)
def segmented(request, tmp_path_factory, hu):
    """The file of a series' segmentation, the series' affine, and the slice of each SOPInstanceUID."""
    folder, affine = tmp_path_factory.mktemp("series"), SERIES[request.param]
    numbers = [40, 7, 8, 31, 6, 5, 90, 2, 1, 77, 55, 3, 12]
    case, uids = write_series(folder / "ct", hu, affine, numbers=numbers)
    return segment(only_scan(case), folder / "out"), affine, uids


def test_frames_lie_on_the_slices_that_they_refer_to(segmented, hu):
    path, affine, uids = segmented
    labels = labels_by_threshold(hu)
    found = np.zeros((2, *hu.shape), bool)
    for segment_number, position, pixels, uid in frames(path):
        k = uids[uid]
        assert np.abs((LPS @ affine @ [0, 0, k, 1])[:3] - position).max() < 1e-6  # mm
        assert pixels.any()
        found[segment_number - 1, :, :, k] = pixels.T
    np.testing.assert_array_equal(found, [labels > 0, labels == 2])


@needs_dciodvfy
def test_dciodvfy_finds_no_error(segmented):
    assert errors(segmented[0]) == []


@pytest.mark.parametrize("file_format", ["nifti", "nrrd", "metaimage"])
@pytest.mark.parametrize("name", ["mirrored, head first", "oblique", "tilted gantry"])
def test_a_series_as_another_format(tmp_path, hu, name, file_format):
    folder, _ = write_series(tmp_path / "ct", hu, SERIES[name])
    scan = only_scan(folder)
    path = segment(scan, tmp_path / "out", file_format)
    for read in readers(path):
        if read is read_by_itk and (name, file_format) == ("tilted gantry", "nifti"):
            # ITK's NIfTI has no shear; refusing it is better than a mask 2 mm off, by the quaternion.
            with pytest.raises(RuntimeError, match="orthonormal"):
                read(path)
            continue
        written, affine = read(path)
        placed = np.argwhere(written == 2) @ affine[:3, :3].T + affine[:3, 3]
        wanted = np.argwhere(hu > 100) @ SERIES[name][:3, :3].T + SERIES[name][:3, 3]
        gaps = np.linalg.norm(placed[:, None] - wanted, axis=2)
        assert max(gaps.min(axis=0).max(), gaps.min(axis=1).max()) < 2e-5  # mm


def test_a_segmentation_says_what_it_is_and_of_whom(tmp_path, hu):
    folder, uids = write_series(tmp_path / "ct", hu, SERIES["feet first"], PatientName="Grünwald^Jürgen")
    seg = highdicom.seg.segread(segment(only_scan(folder), tmp_path / "out"))
    source = dcmread(next(folder.iterdir()))
    for name in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID", "StudyDate"):
        assert seg[name].value == source[name].value, name
    liver, lesion = (seg.get_segment_description(number) for number in (1, 2))
    assert [one.segment_label for one in (liver, lesion)] == ["liver", "lesion"]
    assert [one.segmented_property_type.value for one in (liver, lesion)] == ["10200004", "52988006"]
    assert lesion.anatomic_regions[0].meaning == "Liver"
    for one in (liver, lesion):
        (made_by,) = one.algorithm_identification
        assert (made_by.AlgorithmName, made_by.AlgorithmVersion) == ("cafct_net", "1.2")
        assert made_by.AlgorithmParameters == "threshold=0.5"
    (series,) = seg.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.SeriesInstanceUID
    assert {one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence} == set(uids)
    assert seg.NumberOfFrames == 8 + 3  # slices with liver, and with lesions
    assert seg.SegmentsOverlap == "YES"


def test_the_same_scan_gives_the_same_file(tmp_path, hu):
    folder, _ = write_series(tmp_path / "ct", hu, SERIES["oblique"])
    one, two = (segment(only_scan(folder), tmp_path / name) for name in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()
    other = segment(only_scan(folder), tmp_path / "c", labels_of={"liver": 1})
    assert dcmread(other).SOPInstanceUID != dcmread(one).SOPInstanceUID


def test_a_mask_of_nothing_has_one_frame_per_segment(tmp_path, hu, caplog):
    folder, uids = write_series(tmp_path / "ct", hu, SERIES["feet first"])
    scan = only_scan(folder)
    case = scan.read()
    (path,) = write_mask(
        np.zeros_like(case.images, np.uint8),
        tmp_path / "none",
        scan=scan,
        case=case,
        file_format="dicom-seg",
        labels_of=LABELS_OF,
        algorithm=ALGORITHM,
    )
    seg = highdicom.seg.segread(path)
    assert seg.SOPInstanceUID != dcmread(segment(scan, tmp_path / "out")).SOPInstanceUID
    assert seg.NumberOfFrames == 2
    assert not seg.pixel_array.any()
    assert len(seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == len(uids)
    assert not caplog.records


def test_slices_without_preamble(tmp_path, hu):
    folder, uids = write_series(tmp_path / "ct", hu, SERIES["feet first"])
    for path in folder.iterdir():
        dataset = dcmread(path)
        del dataset.file_meta, dataset.preamble
        dcmwrite(path, dataset, implicit_vr=True, little_endian=True)
    path = segment(only_scan(folder), tmp_path / "out")
    assert {uid for *_, uid in frames(path)} <= set(uids)


@pytest.mark.parametrize("name", ["SOPInstanceUID", "StudyInstanceUID"])
def test_slices_that_cannot_be_referred_to(tmp_path, hu, name):
    folder, _ = write_series(tmp_path / "ct", hu, SERIES["feet first"], **{name: ""})
    with pytest.raises(DataError, match=f"[.]dcm: has no {name} to refer to; choose another `format`, such as nifti"):
        segment(only_scan(folder), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    assert segment(only_scan(folder), tmp_path / "out", "nifti").is_file()


BARE = {
    "no patient": dict.fromkeys(("PatientID", "PatientName", "PatientBirthDate", "PatientSex")),
    "no study date, odd sex": {"StudyDate": None, "StudyTime": None, "PatientSex": "U"},
    "no frame of reference": {"FrameOfReferenceUID": None},
    "odd dates": {"StudyDate": "2003.04.17", "StudyTime": "10:05"},
}


@needs_dciodvfy
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize("name", BARE)
def test_dciodvfy_finds_no_error_though_the_series_lacks_much(tmp_path, hu, name):
    folder, _ = write_series(tmp_path / "ct", hu, SERIES["feet first"], **BARE[name])
    assert errors(segment(only_scan(folder), tmp_path / "out")) == []
