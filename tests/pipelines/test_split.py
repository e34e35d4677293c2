import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import DataError
from pipelines.split import carve_validation, split_patients

names = st.sets(st.text(min_size=1, max_size=6), min_size=3, max_size=60)
fractions = st.floats(0.01, 0.49)


@given(names, fractions, fractions)
def test_every_patient_has_a_part_and_no_part_is_empty(patients, validation, test):
    parts = split_patients(patients, validation=validation, test=test)
    assert set(parts) == patients
    assert set(parts.values()) == {"train", "validation", "test"}


@given(names)
def test_one_patient_more_moves_at_most_two_others(patients):
    before = split_patients(patients)
    after = split_patients(patients | {"one more patient"})
    assert sum(before[patient] != after[patient] for patient in patients) <= 2


@given(st.permutations([f"p{number}" for number in range(12)]))
def test_order_and_repetition_do_not_matter(patients):
    assert split_patients(patients + patients) == split_patients(sorted(patients))


def test_split_is_that_of_the_first_release():
    # Pinned: a change here moves patients of existing runs across the split.
    parts = split_patients([f"p{number}" for number in range(8)])
    assert {part: sorted(p for p in parts if parts[p] == part) for part in ("validation", "test")} == {
        "validation": ["p1"],
        "test": ["p7"],
    }


def test_fractions_are_kept_with_many_patients():
    parts = list(split_patients(map(str, range(1000)), validation=0.2, test=0.1).values())
    assert (parts.count("validation"), parts.count("test")) == (200, 100)


def test_a_part_of_fraction_zero_is_empty():
    assert set(split_patients("abcd", validation=0.0).values()) == {"train", "test"}
    assert set(split_patients("ab", validation=0.0, test=0.0).values()) == {"train"}


def test_too_few_patients_is_one_line():
    with pytest.raises(DataError, match=r"2 patient\(s\) \(a, b\).*3 parts") as caught:
        split_patients(["b", "a"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.1), (0.5, 0.5)])
def test_impossible_fractions(validation, test):
    with pytest.raises(ValueError, match="below 1"):
        split_patients("abc", validation=validation, test=test)


@given(st.sets(st.text(min_size=1, max_size=6), min_size=2, max_size=40), fractions)
def test_carving_leaves_training_patients(patients, fraction):
    carved = carve_validation(patients, fraction)
    assert 0 < len(carved) < len(patients)
    assert carved < patients


def test_one_patient_cannot_be_carved():
    with pytest.raises(DataError, match="1 patient"):
        carve_validation(["a", "a"])
