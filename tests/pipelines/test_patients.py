import pytest

from pipelines.patients import find_patients


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("10001_103_f", "10001"),
        ("11485_16", "11485"),
        ("volume-12_45", "volume-12"),
        ("a_1_2", "a_1"),
        ("patient7_slice045", "patient7"),
        ("patient7_Slice_045", "patient7"),
        ("patient7_slice-45", "patient7"),
    ],
)
def test_patients_are_named_before_the_slice_number(name, patient):
    found = find_patients([name])
    assert (found.of, found.found_by) == ({name: patient}, "names")


@pytest.mark.parametrize("name", ["slice045", "scan7", "patient7_slice"])
def test_names_without_a_patient_are_patients_of_their_own(name):
    found = find_patients([name])
    assert (found.of, found.found_by) == ({name: name}, "each case")
