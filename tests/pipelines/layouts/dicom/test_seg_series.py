"""Segmentations of the series beside them, and of other series, phases and patients."""

import copy

import numpy as np
import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset

from pipelines.errors import DataError
from pipelines.layouts import verify
from pipelines.layouts.dicom.reader import Dicom
from pipelines.targets import Naming, target_of
from tests.pipelines.layouts.dicom.folders import same, slice_paths, tiny, write


@pytest.fixture
def case(tmp_path):
    return write(tmp_path / "data", tiny())[0]


def edited(folder, change):
    seg = dcmread(folder / "masks.dcm")
    change(seg)
    dcmwrite(folder / "masks.dcm", seg)


def another_patient(seg):
    seg.PatientID = "somebody else"


def another_series(seg):
    seg.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3"
    for number, item in enumerate(seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence):
        item.ReferencedSOPInstanceUID = f"1.2.3.{number}"


def another_frame(seg):
    seg.FrameOfReferenceUID = "1.2.4"


def another_series_and_frame(seg):
    another_series(seg)
    another_frame(seg)


def no_references(seg):
    del seg.ReferencedSeriesSequence
    for own in seg.PerFrameFunctionalGroupsSequence:
        del own.DerivationImageSequence


def swapped_references(seg):
    first, *_, last = seg.PerFrameFunctionalGroupsSequence
    first.DerivationImageSequence, last.DerivationImageSequence = (
        last.DerivationImageSequence,
        first.DerivationImageSequence,
    )


def every_other(seg):
    """As drawn on a series of slices twice as thick: the frames of slices 1 and 3 are left out of 0 to 4."""
    frames = list(seg.PerFrameFunctionalGroupsSequence)
    pixels = seg.pixel_array
    heights = sorted({float(one.PlanePositionSequence[0].ImagePositionPatient[2]) for one in frames})
    template, made, planes = frames[0], [], []
    low = heights[0] - 2.5
    for index in range(3):
        for segment in (1, 2):
            one = copy.deepcopy(template)
            position = [*template.PlanePositionSequence[0].ImagePositionPatient[:2], low + 5 * index]
            one.PlanePositionSequence[0].ImagePositionPatient = position
            one.SegmentIdentificationSequence[0].ReferencedSegmentNumber = segment
            del one.DerivationImageSequence
            made.append(one)
            planes.append(pixels[0])
    seg.PerFrameFunctionalGroupsSequence = made
    seg.NumberOfFrames = len(made)
    bits = np.packbits(np.stack(planes).astype(np.uint8).ravel(), bitorder="little").tobytes()
    seg.PixelData = bits + bytes(len(bits) % 2)


def thicker(seg):
    another_series(seg)
    every_other(seg)


def thicker_without_a_word(seg):
    no_references(seg)
    for own in seg.PerFrameFunctionalGroupsSequence:
        own.DerivationImageSequence = []
    every_other(seg)


CHANGES = {
    "another patient": (another_patient, ("error", "patient-mixed")),
    "another phase": (another_series, ("warning", "series-differs")),
    "the series in another frame of reference": (another_frame, ("warning", "series-differs")),
    "another study": (another_series_and_frame, ("error", "series-differs")),
    "no references": (no_references, None),
    "frames of other slices": (swapped_references, ("warning", "slices-differ")),
    "a thicker series": (thicker, ("error", "geometry-mismatch")),
    "a thicker series, unsaid": (thicker_without_a_word, ("error", "geometry-mismatch")),
    "every other slice of the series": (every_other, ("warning", "slices-skipped")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_does_not_belong_is_a_finding(case, name):
    change, expected = CHANGES[name]
    edited(case, change)
    found = {(one.severity, one.code) for one in verify(case) if one.file == "masks.dcm"}
    assert (expected is None and not found) or expected in found
    severities = {severity for severity, _ in found}
    if "error" in severities:
        with pytest.raises(DataError, match=r"masks\.dcm"):
            list(Dicom(case).cases())
    elif name != "every other slice of the series":
        assert same(next(Dicom(case).cases()), tiny())


def renamed(labels, codes=(None, None)):
    def change(seg):
        for item, label, code in zip(seg.SegmentSequence, labels, codes, strict=True):
            item.SegmentLabel = label
            if code is None:
                continue
            kind = Dataset()
            kind.CodingSchemeDesignator, kind.CodeValue, kind.CodeMeaning = code
            item.SegmentedPropertyTypeCodeSequence = [kind]

    return change


LOCAL = ("99LOCAL", "1", "Structure")
NAMES = {
    "codes alone": renamed(["Segment 1", "Segment 2"]),
    "codes of older tools": renamed(["a", "b"], [("SRT", "T-62000", "x"), ("SRT", "M-80003", "y")]),
    "a name that says what is not in it": renamed(["Liver without tumor", "Tumor"]),
    "the same without codes that are known": renamed(["Non-tumor liver", "Tumour 1"], [LOCAL, LOCAL]),
    "names alone": renamed(["Liver", "Hepatic mass"], [LOCAL, LOCAL]),
}


@pytest.mark.parametrize("name", NAMES)
def test_segments_by_code_and_by_name(case, name):
    edited(case, NAMES[name])
    assert same(next(Dicom(case).cases()), tiny())


def test_a_code_that_the_name_disputes_is_not_believed(case):
    edited(case, renamed(["Liver", "Portal vein"]))
    assert {one.code for one in verify(case) if one.severity == "warning"} == {"segment-disputed"}
    assert not next(Dicom(case).cases()).masks.get("lesion", np.zeros(1)).any()


def test_a_word_of_the_user_wins_over_the_code(case):
    edited(case, renamed(["Liver", "Metastase"], [None, ("SCT", "10200004", "Liver")]))
    assert same(next(Dicom(case, labels=["lesion=Metastase"]).cases()), tiny())


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Liver without tumor", {"liver"}),
        ("Liver w/o lesions", {"liver"}),
        ("liver_excluding_tumor", {"liver"}),
        ("non-tumor liver", {"liver"}),
        ("nontumorous liver", {"liver"}),
        ("Tumor-free liver", {"liver"}),
        ("liver minus vessels", {"liver"}),
        ("tumor no 2", {"lesion"}),
        ("patient no 3 liver", {"liver"}),
        ("Liver tumor", {"liver", "lesion"}),
        ("Portal vein", None),
        ("Abdominal aorta", None),
        ("carcinoma", set()),
    ],
)
def test_words(text, target):
    assert Naming().targets_in(text) == target


def test_a_name_for_a_target_of_score():
    assert target_of("non-tumor liver") == "liver"
    assert target_of("tumor") == "lesion"


def test_slices_know_who_they_are(case):
    series = Dicom(case).scans["case0"].series
    headers = [dcmread(path) for path in slice_paths(case)]
    assert {one.instance for one in series.slices} == {header.SOPInstanceUID for header in headers}
    assert {one.frame_of_reference for one in series.slices} == {headers[0].FrameOfReferenceUID}
