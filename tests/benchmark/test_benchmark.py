import subprocess
import sys

import keras
import numpy as np
import pytest

from cafct_keras import create_model
from cafct_keras.benchmark import benchmark, count_macs
from cafct_keras.errors import UserError
from pipelines.loading import benchmark as data_benchmark
from tests.cli import fails, run


@pytest.mark.backends
@pytest.mark.parametrize("task", ["train", "predict"])
def test_report(task):
    small = ("--model", "micro", "--size", 32, "--batch-size", 2, "--repeats", 2)
    result = run("benchmark", task, *small, "--json")
    assert result.code == 0, result
    report = result.json
    assert report["images_per_second"] == pytest.approx(1000 / report["ms_per_image"], rel=1e-2)
    assert report["best_ms_per_image"] <= report["ms_per_image"]
    assert report["peak_memory_gb"] > 0
    assert report["compile_s"] > 0 or keras.backend.backend() == "torch"  # which compiles nothing
    assert report["backend"] == keras.backend.backend()
    if keras.backend.backend() == "jax":
        # Two operations to a multiply-add, three times as many in training, and what is no convolution.
        convolutions = {"train": 6, "predict": 2}[task] * report["macs_per_image"]
        assert convolutions / 2 < report["flops_per_image"] < 3 * convolutions
        assert report["achieved_flops"] == pytest.approx(
            report["flops_per_image"] * report["images_per_second"], rel=1e-2
        )
        network = create_model("micro", input_shape=(32, 32, 3))
        assert report["macs_per_image"] == count_macs(network) < report["flops_per_image"]
    else:
        assert report["flops_per_image"] is report["macs_per_image"] is None


def test_memory_of_the_program_that_started_it_does_not_count():
    held = np.ones(2**30, np.uint8)
    code = "from cafct_keras.benchmark import process_peak_memory; print(process_peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 2**25 < int(done.stdout) < held.nbytes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--size", 100), "--size 100"),
        (("--model", "nobody"), "--model nobody"),
        (("--preset", "huge"), "--preset huge"),
        (("--precision", "float8"), "--precision float8"),
    ],
)
def test_mistakes(options, words):
    assert words in fails("benchmark", "predict", *options)


def test_unknown_task():
    with pytest.raises(UserError, match="`task` infer: unknown; choose train, predict"):
        benchmark("infer", preset="tiny", size=32, repeats=1)


@pytest.mark.parametrize("options", [(), ("--augment", "--cache", "none")])
def test_data(options, slices_folder, monkeypatch):
    monkeypatch.setattr(data_benchmark, "SECONDS", 0.2)
    result = run("benchmark", "data", "--data", slices_folder, "--size", 32, "--batch-size", 16, *options, "--json")
    report = result.json
    assert (report["layout"], report["slices"]) == ("paired_folder", 48)
    read, stream, both = (report[f"{name}_slices_per_second"] for name in ("read", "stream", "read_and_stream"))
    assert both == pytest.approx(1 / (1 / read + 1 / stream), rel=0.01)
    for figure, words in ((read, "decoded and resized, once"), (stream, f"batch 16, {'all' if options else 'no'} aug")):
        assert f"{figure:,.0f} slices per second" in result.error
        assert words in result.error
