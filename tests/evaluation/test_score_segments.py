"""`cafct-keras score` of masks whose segments have names."""

import json

import numpy as np
import pytest

from tests.cli import fails
from tests.evaluation.test_score_inputs import dice, scored
from tests.pipelines.layouts.dicom.folders import array_and_affine, label_map, nifti, tiny, write_nrrd


@pytest.fixture
def root(tmp_path):
    for side in ("prediction", "reference"):
        (tmp_path / side).mkdir()
    return tmp_path


def segments(path, array, affine, **names):
    """A `.seg.nrrd` with segments of these names, numbered as they stand."""
    fields = {}
    for place, (name, _) in enumerate(names.items()):
        fields |= {f"Segment{place}_Name": name, f"Segment{place}_LabelValue": str(place + 1)}
    labels = np.zeros(array.shape, np.uint8)
    for place, members in enumerate(names.values()):
        labels[np.isin(array, members)] = place + 1
    write_nrrd(path.with_suffix(".seg.nrrd"), labels, affine, **fields)


def test_the_name_of_a_segment_counts_before_its_number(root):
    """The first segment is a lesion, which by its number would be a liver."""
    array, affine = array_and_affine(label_map(tiny().masks))
    nifti(root / "reference" / "case.nii.gz", array, affine)
    segments(root / "prediction" / "case", array, affine, Tumor=[2])
    result = scored(root, "--label", "liver=1", "--label", "lesion=2")
    assert dice(result) == {"liver": 0.0, "lesion": 1.0}
    assert "no liver among the named segments of 1 prediction file: empty" in result.error
    segments(root / "prediction" / "case", array, affine, Liver=[1, 2], Spleen=[0])
    assert dice(scored(root, "--label", "liver=1,2", "--label", "lesion=2")) == {"liver": 1.0, "lesion": 0.0}


def test_numbers_count_where_names_say_nothing_but_not_against_names(root):
    array, affine = array_and_affine(label_map(tiny().masks))
    nifti(root / "reference" / "case.nii.gz", array, affine)
    segments(root / "prediction" / "case", array, affine, Liver=[1], Segment_2=[2])
    assert dice(scored(root, "--label", "liver=1,2", "--label", "lesion=2")) == {"liver": 1.0, "lesion": 1.0}
    segments(root / "prediction" / "case", array, affine, Segment_1=[2], Liver=[1])
    line = fails(
        "score", "--prediction", root / "prediction", "--reference", root / "reference",
        "--label", "liver=1", "--label", "lesion=2",
    )  # fmt: skip
    assert "segment 2 is called liver, but --label has liver=1;" in line


def test_masks_of_predict_have_the_names_in_its_document(root):
    """A network for lesions alone calls them 1, as the reference calls livers."""
    array, affine = array_and_affine(label_map(tiny().masks))
    nifti(root / "reference" / "case.nii.gz", array, affine)
    nifti(root / "prediction" / "case.nii.gz", (array == 2).astype(np.uint8), affine)
    (root / "prediction" / "predict.json").write_text(json.dumps({"format": 1, "labels": {"lesion": 1}}))
    result = scored(root, "--label", "liver=1", "--label", "lesion=2")
    assert dice(result) == {"liver": 0.0, "lesion": 1.0}
    assert "no liver among the named segments of 1 prediction file: empty" in result.error
    assert dice(scored(root, "--label", "lesion=2")) == {"lesion": 1.0}
