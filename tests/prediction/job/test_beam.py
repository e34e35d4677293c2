"""`predict --beam-option`."""

import sys

import pytest

from benchmarks.soak_predict import differences
from tests.cli import fails, run
from tests.prediction.job import EVERYTHING

OPTIONS = ("--beam-option", "runner=DirectRunner", "--beam-option", "direct_num_workers=2")


def beam(mode):
    return (*OPTIONS, "--beam-option", f"direct_running_mode={mode}")


@pytest.mark.beam
@pytest.mark.parametrize("mode", ["in_memory", "multi_threading", "multi_processing"])
def test_workers_together_write_the_same(whole, perfect, folder, tmp_path, mode):
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed; pip install -e '.[beam]'")
    arguments = (perfect, "--input", folder, "--out", tmp_path / "out", *EVERYTHING)
    done = run("predict", *arguments, *beam(mode))
    assert done.code == 0, done
    assert not differences(tmp_path / "out", whole)
    assert "4 of 4 scans are finished already" in run("predict", *arguments).out


@pytest.mark.beam
def test_a_dask_cluster_writes_the_same(whole, perfect, folder, tmp_path):
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed; pip install -e '.[beam]'")
    distributed = pytest.importorskip("distributed", reason="Dask is not installed; pip install 'dask[distributed]'")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        options = (
            "runner=apache_beam.runners.dask.dask_runner.DaskRunner",
            f"dask_client_address={cluster.scheduler_address}",
            "dask_partition_size=1",
        )
        chosen = [text for option in options for text in ("--beam-option", option)]
        done = run("predict", perfect, "--input", folder, "--out", tmp_path / "out", *EVERYTHING, *chosen)
        assert done.code == 0, done
        with distributed.Client(cluster) as client:
            at_work = client.run(lambda: "cafct_keras.prediction.job.on_beam" in sys.modules)
        assert list(at_work.values()) == [True, True]
    assert not differences(tmp_path / "out", whole)


@pytest.mark.beam
def test_a_damaged_scan_on_a_worker(perfect, own_folder, tmp_path):
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed; pip install -e '.[beam]'")
    damaged = own_folder / "ct_2.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:200])
    arguments = (perfect, "--input", own_folder, "--out", tmp_path / "out", *beam("in_memory"))
    assert "ct_2.nii.gz" in fails("predict", *arguments)
    done = run("predict", *arguments, "--keep-going", "--json")
    assert done.code == 1
    assert [case["name"] for case in done.json["cases"]] == ["ct_0", "ct_1", "ct_3"]
    assert [failure["case"] for failure in done.json["failures"]] == ["ct_2"]


@pytest.mark.beam
def test_a_full_disk_on_a_worker(perfect, folder, tmp_path, monkeypatch):
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed; pip install -e '.[beam]'")

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cafct_keras.prediction.job.cases.write_mask", full)
    line = fails("predict", perfect, "--input", folder, "--out", tmp_path / "out", *beam("in_memory"))
    assert "the pipeline failed" in line
    assert "No space left on device" in line


def test_beam_is_asked_for_by_name_where_it_is_missing(perfect, folder, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "cafct_keras.prediction.job.on_beam", raising=False)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    line = fails("predict", perfect, "--input", folder, "--out", tmp_path / "out", *OPTIONS)
    assert 'needs the package apache_beam; run: pip install "cafct-keras[beam]"' in line
    assert not (tmp_path / "out").exists()


def test_parts_and_beam_exclude_each_other(perfect, folder, tmp_path):
    line = fails("predict", perfect, "--input", folder, "--out", tmp_path, "--part", "1/2", *OPTIONS)
    assert line.startswith("cafct-keras: --part: does not go with --beam-option")
