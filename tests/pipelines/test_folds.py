"""Folds of a cross-validation."""

import collections

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import DataError, open_source
from pipelines.folds import Fold, FoldSource, assign_folds, with_fold
from pipelines.layouts.phantom import Phantom

PATIENTS = st.dictionaries(st.text(max_size=5), st.booleans(), max_size=30)


@settings(max_examples=30)
@given(PATIENTS, st.integers(2, 6))
def test_folds_are_stratified_and_do_not_depend_on_the_order(patients, count):
    folds = assign_folds(patients, count)
    assert folds == assign_folds(dict(sorted(patients.items(), reverse=True)), count)
    assert folds.keys() == patients.keys()
    for members in (list(patients), [patient for patient, shown in patients.items() if shown]):
        sizes = collections.Counter(dict.fromkeys(range(count), 0))
        sizes.update(folds[patient] for patient in members)
        assert set(sizes) == set(range(count))
        assert max(sizes.values()) - min(sizes.values()) <= 1


@pytest.mark.parametrize("text", ["5/5", "0/1", "1", "a/b", "-1/5", "1/2/3", ""])
def test_a_fold_is_one_of_several(text):
    with pytest.raises(DataError, match=r"`fold` .*: give K/N"):
        Fold.parse(text)


def test_every_patient_is_validated_on_once_and_the_test_part_stays():
    source = Phantom(cases=9, slices=4, size=32)
    test = {name for name, part in source.parts.items() if part == "test"}
    held_out, shown = [], []
    for index in range(3):
        fold = FoldSource(source, Fold(index, 3))
        assert list(fold.parts) == list(source.parts)
        assert {name for name, part in fold.parts.items() if part == "test"} == test
        cases = list(fold.cases("validation"))
        assert [case.name for case in cases] == [name for name, part in fold.parts.items() if part == "validation"]
        assert all(case.split == "validation" for case in cases)
        assert {case.name: case.split for case in fold.cases()} == fold.parts
        held_out += [case.patient for case in cases]
        shown.append(sum(bool(case.masks["lesion"].any()) for case in cases))
        assert fold.notes[-1].endswith(f"{shown[-1]} of them with lesion")
        assert f"fold {index}/3: {len(cases)} of {9 - len(test)} training and validation patients" in fold.notes[-1]
        assert fold.fingerprint() == source.fingerprint()
    assert len(held_out) == len(set(held_out)) == 9 - len(test)
    assert max(shown) - min(shown) <= 1
    assert with_fold(fold, None) is source
    assert with_fold(fold, "0/3").parts != fold.parts


def test_fewer_patients_than_folds():
    source = Phantom(cases=4, slices=2, size=32)
    with pytest.raises(DataError, match=r"`fold` 1/5: there are \d training and validation patients; give as many"):
        with_fold(source, "1/5")
    with pytest.raises(DataError, match=r"`fold` 5: give K/N"):
        open_source("phantom", fold="5")
