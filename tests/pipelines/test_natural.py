from pipelines.natural import are_consecutive, natural_sort_key


def test_numbers_are_sorted_by_value():
    names = ["volume-10", "volume-9", "a_2_f", "a_10", "9", "volume-09", "10", ""]
    assert sorted(names, key=natural_sort_key) == [
        *("", "9", "10", "a_2_f", "a_10", "volume-09", "volume-9", "volume-10"),
    ]


def test_are_consecutive():
    assert are_consecutive(["a_9_m", "a_10_f", "a_11"])
    assert not are_consecutive(["a_9", "a_11"])
    assert not are_consecutive(["a_9", "a"])
