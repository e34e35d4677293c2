"""The model of training on many devices, and the script that compares it with a few."""

import json
import subprocess
import sys

import keras
import pytest

from benchmarks import scaling, scaling_check

INSTANT = scaling.Link(bandwidth=1e30, latency=0)
TRAINING = scaling.Training(
    ms_per_image=1.0,
    batch_size=32,
    gradient_bytes=200e6,
    small_all_reduces=100,
    small_bytes=1000,
    stream_per_core=1000,
    cores=16,
)


def test_all_reduce_by_hand():
    link, slow = scaling.Link(bandwidth=100e9, latency=10e-6), scaling.Link(bandwidth=10e9, latency=50e-6)
    cluster = scaling.Cluster(per_host=8, within=link, between=slow)
    assert cluster.all_reduce(80e6, 1) == 0
    assert cluster.all_reduce(80e6, 2) == pytest.approx(80e6 / 100e9 + 2 * 10e-6)
    inside = 2 * 7 / 8 * 80e6 / 100e9 + 2 * 3 * 10e-6
    assert cluster.all_reduce(80e6, 8) == pytest.approx(inside)
    # Each of eight GPUs exchanges its eighth with those of the other seven hosts.
    outside = 2 * 7 / 8 * 10e6 / 10e9 + 2 * 3 * 50e-6
    assert cluster.all_reduce(80e6, 64) == pytest.approx(inside + outside)


def test_links_that_take_no_time_divide_the_epoch():
    cluster = scaling.Cluster(per_host=8, within=INSTANT, between=INSTANT)
    epochs = [scaling.predict(TRAINING, cluster, devices, slices=32 * 640) for devices in (1, 8, 64)]
    assert [epoch.seconds for epoch in epochs] == pytest.approx([20.48, 2.56, 0.32])
    assert [epoch.slices_per_host for epoch in epochs] == pytest.approx([1000, 8000, 8000])
    assert all(epoch.communication < 1e-9 and epoch.waiting == 0 for epoch in epochs)


def test_exchange_and_waiting():
    link = scaling.Link(bandwidth=10e9, latency=10e-6)
    cluster = scaling.Cluster(per_host=8, within=link, between=link)
    epoch = scaling.predict(TRAINING, cluster, 2, slices=6400)
    small, gradients = 100 * (1000 / 10e9 + 20e-6), 200e6 / 10e9 + 20e-6
    assert epoch.seconds == pytest.approx(100 * (0.032 + small + gradients))
    assert epoch.seconds_hidden == pytest.approx(100 * (0.032 + small))  # 20 of 21 ms fit into the backward pass
    assert epoch.communication == pytest.approx((small + gradients) / (0.032 + small + gradients))
    hungry = scaling.predict(TRAINING, scaling.Cluster(per_host=32, within=INSTANT, between=INSTANT), 32, slices=10240)
    assert hungry.waiting == pytest.approx(0.5)  # 32,000 slices per second from 16 cores that make 16,000
    assert hungry.seconds == pytest.approx(10 * 0.064)


def test_printed_tables(capsys):
    scaling.main(["--ms-per-image", "1", "--devices", "1", "--slices", "32000"])
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| 1 |")]
    assert rows == ["| 1 | 32 | 32.00 s | 32.00 s | 0.0% | 0.0% | 1,000 |"] * len(scaling.CLUSTERS)


def test_all_reduces_of_a_module():
    module = """
  %all-reduce.1 = f32[64,3]{1,0} all-reduce(f32[64,3]{1,0} %x), channel_id=1, to_apply=%add
  %all-reduce.2 = (f32[8]{0}, bf16[2,2]{1,0}, f32[]) all-reduce(f32[8]{0} %a, bf16[2,2]{1,0} %b, f32[] %c)
  %start = f32[5]{0} all-reduce-start(f32[5]{0} %y), channel_id=3
  %done = f32[5]{0} all-reduce-done(f32[5]{0} %start)
  %other = f32[9]{0} add(f32[9]{0} %all-reduce.1, f32[9]{0} %p)
"""
    assert scaling_check.all_reduces(module) == [768, 44, 20]


def test_table_of_measurements():
    one = {"setup": [1, 1], "ms_per_image": 10.0, "batch_size": 8, "waiting": 0.01, "small_ms": 0.0, "large_ms": 0.0}
    large = 4 * (scaling_check.ARRAYS["large"] - scaling_check.ARRAYS["small"])
    two = {**one, "setup": [1, 2], "ms_per_image": 12.5, "small_ms": 0.1, "large_ms": 2.1}
    results = {
        "a": {**one, "all_reduces": 0, "all_reduce_bytes": 0},
        "b": {**two, "all_reduces": 30, "all_reduce_bytes": 6 * large},
        "c": {"error": "interrupted"},
    }
    # 80 ms, 30 messages of 0.1 ms and 6 times 2 ms for the bytes.
    row = scaling_check.table(results).splitlines()[-1]
    assert row.startswith("| 1 x 2 | 100.0 ms | 95.0 ms | 1.05 | 20.0% | 1.0% | 30 |")


TWO_PROCESSES = """
import json, sys
from benchmarks import scaling_check
print(json.dumps(scaling_check.measure(2, 1, ["tests.training.micro"], json.loads(sys.argv[1]))))
"""


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="needs JAX")
def test_two_processes_without_tensorflow():
    options = {"model": "micro", "preset": "only", "size": 32, "slices": 16, "batch_size": 4, "precision": "float32"}
    command = [sys.executable, "-c", TWO_PROCESSES, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout.splitlines()[-1])
    assert "error" not in report, report
    assert (report["slices"], report["stream"], report["setup"]) == (16, "threads", [2, 1])
    # The gradients of 313 weights; sums of two batch normalizations, the loss and the metrics.
    assert report["all_reduce_bytes"] >= 4 * 313
    assert 2 <= report["all_reduces"] <= 20
    assert report["large_ms"] > report["small_ms"] > 0
