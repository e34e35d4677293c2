import threading

import pytest

from pipelines.errors import DataError
from pipelines.loading.read_ahead import map_ahead, read_ahead


def damaged(name):
    if name in "bd":
        raise DataError(f"{name}: damaged")
    return name.upper()


def test_results_come_in_order_and_one_worker_is_never_two():
    busy = threading.Lock()

    def work(number):
        assert busy.acquire(blocking=False)
        busy.release()
        return number * 2

    assert list(map_ahead(work, range(50), workers=1)) == list(range(0, 100, 2))


def test_no_more_is_taken_than_workers_need():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    results = map_ahead(str, items(), workers=1)
    assert next(results) == "0"
    assert len(taken) == 2


def test_reading_goes_on_where_failures_are_gathered():
    failures = []
    assert list(read_ahead(damaged, "abcde", failures=failures)) == ["A", "C", "E"]
    assert failures == [{"case": "b", "message": "b: damaged"}, {"case": "d", "message": "d: damaged"}]
    read = read_ahead(damaged, "abcde")
    assert next(read) == "A"
    with pytest.raises(DataError, match="b: damaged"):
        next(read)
