"""What the paper prints, against what its figures imply."""

import csv

import pytest

from cafct_keras.evaluation.metrics.overlap import RULES
from cafct_keras.reproduction.paper import LARGEST_GAP, PRINTED, SHOWN


def test_rows_are_found_by_table_system_and_target():
    assert {table: sum(key[0] == table for key in PRINTED) for table in (2, 3, 4)} == {2: 5, 3: 5, 4: 5}
    row = PRINTED[3, "CAFCT-Net", "liver"]
    assert (row.iou, row.dice) == (91.92, 95.64)
    assert PRINTED[2, "CAFCT-Net", "lesion"].dice == PRINTED[4, "CAFCT-Net", "lesion"].dice
    # The text's gains over Attention U-Net.
    ours, theirs = PRINTED[2, "CAFCT-Net", "lesion"], PRINTED[2, "Attention U-Net", "lesion"]
    assert (ours.iou - theirs.iou, ours.dice - theirs.dice) == pytest.approx((10.62, 8.19))


def test_no_rule_exceeds_the_largest_gap():
    iou = [k / 1000 for k in range(1001)]
    assert max(2 * each / (1 + each) - each for each in iou) == pytest.approx(LARGEST_GAP, abs=1e-6)


def test_rules_that_count_empty_slices_cannot_have_produced_the_lesions():
    for (_, _, target), row in PRINTED.items():
        assert set(row.rules) <= set(RULES)
        assert {"per_slice_positive", "per_case_positive", "per_case_lits"} <= set(row.rules)
        assert not {"pooled", "two_class_mean"} & set(row.rules)
        # The least share of units that must show some of the target; lesions: 45 to 60 %, liver: 21 to 26 %.
        needed = (row.dice - row.iou) / 100 / LARGEST_GAP
        assert 0.45 < needed < 0.61 if target == "lesion" else 0.21 < needed < 0.26
        assert ("per_slice_all_one" in row.rules) == (target == "liver")


def test_shares_are_those_of_the_test_table(shared):
    with (shared / "data" / "lits_png" / "lits_test.csv").open() as file:
        rows = list(csv.DictReader(file))
    numbered = sorted(
        rows, key=lambda row: [int(part) for part in row["filepath"].rpartition("volume-")[2][:-4].split("_")]
    )
    for target, column in (("liver", "liver_mask_empty"), ("lesion", "tumor_mask_empty")):
        shows = [row[column] == "True" for row in numbered]  # inverted, as the whole table is
        batches = [any(shows[start : start + 8]) for start in range(0, len(shows), 8)]
        studies = {row["study_number"]: False for row in numbered}
        for row, shown in zip(numbered, shows, strict=True):
            studies[row["study_number"]] |= shown
        for rule, units in (
            ("per_slice_all_one", shows),
            ("batch_flattened", batches),
            ("per_case_lits", list(studies.values())),
        ):
            assert SHOWN[target][rule] == pytest.approx(sum(units) / len(units)), (target, rule)
