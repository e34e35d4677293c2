import os
import signal
import subprocess

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


def assert_none_is_left(processes):
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_results_come_in_order_from_other_processes():
    failures = []
    names = ["a", "bad", *"bcdefgh"]
    results = list(map_processes(work, names, jobs=2, failures=failures))
    assert [name for name, _ in results] == list("abcdefgh")
    assert failures == [{"case": "bad", "message": "bad.png: not a mask; give another"}]
    processes = {process for _, process in results}
    assert os.getpid() not in processes
    assert_none_is_left(processes)


@pytest.mark.parametrize(("name", "message"), [("bad", "bad.png: not a mask"), ("killed", "`jobs` 2: a process ended")])
def test_what_goes_wrong_in_a_process_is_one_line_and_leaves_none(name, message):
    results = []
    with pytest.raises(DataError, match=message):
        results.extend(map_processes(work, ["a", "b", name, "c", "d"], jobs=2))
    assert_none_is_left({process for _, process in results})


def test_pipes_are_small_where_large_ones_are_refused(monkeypatch):
    start = subprocess.Popen

    def refuse(*args, pipesize, **kwargs):
        if pipesize > 0:
            raise PermissionError(1, "Operation not permitted")
        return start(*args, **kwargs)

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert [name for name, _ in map_processes(work, "abc", jobs=2)] == list("abc")


def test_folders_of_the_same_name_are_not_taken_for_the_package(tmp_path, monkeypatch):
    for package in ("pipelines", "cafct_keras"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise SystemExit('another project')")
    monkeypatch.chdir(tmp_path)
    assert [name for name, _ in map_processes(work, "abc", jobs=1)] == list("abc")


def test_who_wants_no_more_leaves_none():
    results = map_processes(work, list("abcdefgh"), jobs=2)
    _, process = next(results)
    results.close()
    assert_none_is_left([process])
