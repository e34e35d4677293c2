import pytest

from pipelines.patients import find_patients, spelled_alike


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


def test_patients_are_guessed_name_by_name():
    found = find_patients(["a_1", "b", "c", "d"])
    assert (found.of["a_1"], found.of["b"], found.alone) == ("a", "b", ("b", "c", "d"))


def test_patients_are_spelled_alike():
    assert spelled_alike(["P01", "p1", "P10", "q 1", "Q_1", "11"]) == [["P01", "p1"], ["Q_1", "q 1"]]
