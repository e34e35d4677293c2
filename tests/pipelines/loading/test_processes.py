import multiprocessing
import os
import signal

import pytest

from pipelines.errors import DataError
from pipelines.loading.processes import map_processes


def work(name):
    """The name and its process; what a bad case does is in its name."""
    if name == "bad":
        raise DataError("bad.png: not a mask; give another")
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return name, os.getpid()


def test_results_come_in_order_from_other_processes():
    failures = []
    names = ["a", "bad", *"bcdefgh"]
    results = list(map_processes(work, names, jobs=2, failures=failures))
    assert [name for name, _ in results] == list("abcdefgh")
    assert failures == [{"case": "bad", "message": "bad.png: not a mask; give another"}]
    assert os.getpid() not in {process for _, process in results}
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("name", "told"), [("bad", "bad.png: not a mask"), ("killed", "`jobs` 1: a process ended")])
def test_what_goes_wrong_in_a_process_is_one_line_and_leaves_none(name, told):
    with pytest.raises(DataError, match=told):
        list(map_processes(work, [name, "a", "b"], jobs=1))
    for process in multiprocessing.active_children():
        process.join(100)
    assert not multiprocessing.active_children()
