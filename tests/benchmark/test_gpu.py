"""The scripts of `benchmarks/gpu` run to their end on a CPU, at sizes at which nothing is to be learned."""

import json
import math
import os
import subprocess
import sys

import keras
import pytest

from tests.cli import run

if keras.backend.backend() != "jax":
    pytest.skip("they measure JAX", allow_module_level=True)

import jax
import numpy as np

from benchmarks.gpu import alternatives, campaign, ceilings, epoch, memory, operators, steps, summary
from cafct_keras.models import create_model
from pipelines.layouts.phantom import Phantom
from pipelines.loading import stream
from pipelines.loading.slices import load_slices

PEER = """
import json, sys
fields = dict(zip(sys.argv[1::2], sys.argv[2::2])) if "--amp" not in sys.argv else {}
ms = 2.0 if "--compile" in sys.argv else 3.0
print(json.dumps({"ms_per_image": ms, "best_ms_per_image": ms, "peak_memory_gb": 1.5}))
"""


def results(file):
    return json.loads(file.read_text())["results"]


def in_process(command, **_):
    """Runs this project's commands here, where all is imported, and others as they are."""
    if command[: len(steps.OURS)] == steps.OURS:
        done = run("benchmark", *command[len(steps.OURS) :])
        return done.json if done.code == 0 else {"error": done.error}
    return campaign.run_json(command, timeout=60)


@pytest.fixture
def peer(tmp_path):
    (tmp_path / "peer.py").write_text(PEER)
    return str(tmp_path / "peer.py")


def test_a_campaign_resumes(tmp_path):
    file, calls = tmp_path / "out.json", []

    def measured(name, **result):
        return lambda: calls.append(name) or result

    first = campaign.Campaign(file, seconds=100)
    first.measure("a", measured("a", ms=1))
    first.measure("b", measured("b", error="the time was over", seconds_given=90))
    first.measure("c", lambda: calls.append("c") or math.sqrt(-1))
    first.measure("d", measured("d", ms=1), required=200)
    assert first.skipped == ["d"]
    assert results(file)["c"]["error"] == "math domain error"
    for _ in range(2):  # a failure is tried twice in all, and what had 90 seconds waits for more
        again = campaign.Campaign(file, seconds=80)
        for name in "abcd":
            again.measure(name, measured(name, error="failed"), required=200 if name == "d" else 20)
    campaign.Campaign(file, seconds=100).measure("b", measured("b", ms=2))
    assert calls == ["a", "b", "c", "c", "b"]
    assert [results(file)[name].get("ms") for name in "abc"] == [1, 2, None]
    assert all(result["machine"].endswith("CPU cores") for result in results(file).values())


def test_what_ends_the_process_is_not_repeated_forever(tmp_path):
    file = tmp_path / "out.json"
    for _ in range(campaign.ATTEMPTS):
        with pytest.raises(KeyboardInterrupt):
            campaign.Campaign(file, seconds=100).measure("a", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    assert campaign.Campaign(file, seconds=100).measure("a", dict)["error"] == "interrupted"


def test_steps_and_ceilings_and_their_summary(tmp_path, peer, monkeypatch, capsys):
    monkeypatch.setattr(steps, "run_json", in_process)
    micro = [
        "--model",
        "micro",
        "--size",
        "32",
        "--repeats",
        "1",
        "--device",
        "cpu",
        "--peer",
        peer,
        "--compiling",
        "1",
    ]
    cases = ["--case", "train,only,float32,2", "--case", "train,only,mixed_bfloat16,2"]
    out, rates = tmp_path / "steps.json", tmp_path / "ceilings.json"
    steps.main([str(out), *micro, *cases])
    ceilings.main([str(rates), "--side", "64", "--gigabytes", "0.001"])
    found = results(out)
    assert list(found) == [
        "train,only,float32,2 cafct-keras",
        "train,only,float32,2 peer eager",
        "train,only,mixed_bfloat16,2 cafct-keras",
        "train,only,mixed_bfloat16,2 peer eager",
        "train,only,mixed_bfloat16,2 peer compiled",
    ]
    assert not [result for result in found.values() if "error" in result]
    capsys.readouterr()
    summary.main([str(out), str(rates)])
    printed = capsys.readouterr().out
    ours = found["train,only,mixed_bfloat16,2 cafct-keras"]
    rate = 6 * ours["macs_per_image"] / ours["ms_per_image"] * 1000
    row = next(line for line in printed.splitlines() if line.startswith("| train,only,mixed_bfloat16,2 |"))
    assert f"| {3 / ours['ms_per_image']:.2f} times | {2 / ours['ms_per_image']:.2f} times |" in row
    assert f"| {rate / results(rates)['bfloat16']['flops']:.0%} |" in row
    aim = next(line for line in printed.splitlines() if "times the compiled peer at least 1.5" in line)
    assert aim.endswith(f"| {2 / ours['ms_per_image'] >= 1.5} |")


def test_operators(tmp_path, monkeypatch):
    monkeypatch.setattr(operators, "seconds", lambda function, *given: float(np.sum(jax.jit(function)(*given)[0]) * 0))
    out = tmp_path / "operators.json"
    operators.main([str(out), "--tiny", "--batch-size", "2", "--precision", "float32"])
    failed = {name for name, result in results(out).items() if "error" in result}
    assert failed == {name for name in results(out) if name.endswith("cudnn")}  # there is none on a CPU
    assert len(results(out)) >= 2 * len(alternatives.SWAPS) - 1


@pytest.mark.parametrize("contest", list(operators.tiny_contests()), ids=lambda contest: contest[0])
def test_both_operators_are_the_same_function(contest):
    _, functions, shapes = contest
    arguments = [jax.random.normal(jax.random.key(seed), shape) for seed, shape in enumerate(shapes)]
    np.testing.assert_allclose(functions["own"](*arguments), functions["keras"](*arguments), rtol=1e-4, atol=1e-5)


def test_swapped_operators_are_the_network_s():
    network = create_model("cafct_net", preset="tiny", input_shape=(32, 32, 3))
    image = jax.ShapeDtypeStruct((1, 32, 32, 3), "float32")
    values = [[variable.value for variable in group] for group in (
        network.trainable_variables, network.non_trainable_variables)]  # fmt: skip

    def traced(swap):
        with alternatives.swapped(swap):
            # A function of its own each time: JAX keeps what it has traced.
            return str(jax.make_jaxpr(lambda x: network.stateless_call(*values, x, training=False)[0])(image))

    plain = traced("none")
    assert traced("none") == plain
    words = {
        "depthwise": "feature_group_count=16",
        "gelu": "erfc",
        "pooling": "reduce_window",
        "resizing": "dot_general",
    }
    for swap in operators.WITHIN:
        if swap not in ("none", "cudnn attention"):
            other = traced(swap)
            assert other != plain, swap
            assert other.count(words.get(swap, "")) > plain.count(words.get(swap, "")) or swap == "attention"


def test_within_a_step(tmp_path, monkeypatch):
    options = {"model": "micro", "size": 32, "batch_size": 2, "repeats": 1}
    monkeypatch.setattr(operators, "run_json", lambda command, **_: operators.within("gelu", **options))
    monkeypatch.setattr(operators, "WITHIN", ("none", "gelu"))
    monkeypatch.setattr(operators, "COMPILING_S", 1)
    operators.main([str(tmp_path / "out.json"), "--within", "--preset", "only", "--batch-size", "2"])
    assert [result["swap"] for result in results(tmp_path / "out.json").values()] == ["gelu"] * 2


@pytest.mark.parametrize("limit", [8, 20, 64])
@pytest.mark.parametrize("later", [0.6, 1.0, 1.5])  # memory of an image beyond the hundredth, compared with the first
def test_search_of_the_largest_batch(limit, later):
    tried = []

    def attempt(batch):
        tried.append(batch)
        peak = 2 + 0.1 * (min(batch, 100) + later * max(batch - 100, 0))
        return {"peak_memory_gb": peak} if peak <= limit else {"out_of_memory": True}

    largest = memory.search(attempt, limit=limit, first=8)
    images = (limit - 2) / 0.1
    true = min(images, 100) + max(images - 100, 0) / later
    assert largest in tried
    assert 0.85 * true <= largest <= true
    assert len(tried) <= 9


def test_memory(tmp_path, peer, monkeypatch, capsys):
    def measured(command, **_):
        batch = int(command[command.index("--batch-size" if "--batch-size" in command else "--batch") + 1])
        if batch > 24:
            return {"error": "... RESOURCE_EXHAUSTED: Out of memory allocating ...", "command_s": 1.0}
        return {"ms_per_image": 1.0, "best_ms_per_image": 1.0, "peak_memory_gb": batch / 10}

    monkeypatch.setattr(memory, "run_json", measured)
    out = tmp_path / "memory.json"
    memory.main([str(out), "--peer", peer, "--first", "8", "--limit", "3", "--case", "train,base,float32"])
    found = results(out)
    assert found["train,base,float32 cafct-keras: largest batch"]["batch_size"] == 24
    assert found["train,base,float32 peer eager: largest batch"]["batch_size"] == 24
    assert found["train,base,float32,28 cafct-keras"]["out_of_memory"]
    summary.main([str(out)])
    assert "| train,base,float32 cafct-keras: largest batch | 24 | 2.4 | 1.000 |" in capsys.readouterr().out


def test_epoch(tmp_path, capsys):
    out = tmp_path / "epoch.json"
    options = ["--model", "micro", "--preset", "only", "--size", "32", "--batch-size", "8", "--slices", "45"]
    epoch.main([str(out), *options, "--precision", "float32", "--augment", "full", "--stream", "threads"])
    ((name, result),) = results(out).items()
    assert name == "only, float32, 8, augmentation full"
    assert (result["slices"], result["stream"]) == (40, "threads"), result
    assert 0 < result["waiting"] <= 1
    assert result["ms_per_image"] == pytest.approx(1000 * result["epoch_s"] / 40, rel=0.05)
    summary.main([str(out)])
    assert f"| {name} | 40 | {result['epoch_s']:.1f} |" in capsys.readouterr().out


def test_threads_make_the_batches_of_tf_data():
    slices = epoch.repeated(load_slices(Phantom(cases=3, slices=2, size=32), target="lesion", size=32)["train"], 100)
    given = {"batch_size": 4, "steps": 90, "seed": 0, "start_step": 2}
    expected = stream.training_stream(slices, **given).as_numpy_iterator()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "_to_dataset", epoch.threads)
        for ours, theirs in zip(stream.training_stream(slices, **given), expected, strict=True):
            for value, other in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(value, other)


def test_device_tests_resume(tmp_path):
    test = tmp_path / "test_some.py"
    test.write_text(
        "import os, pathlib\ndef test_a(): pass\ndef test_b(): assert pathlib.Path(__file__ + 'x').exists()\n"
    )
    command = [sys.executable, "-m", "benchmarks.gpu.device_tests", str(tmp_path / "out.json"), str(test)]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}

    def tested():
        options = ["--jobs", "0"]
        done = subprocess.run(
            [*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
        )
        found = {name.rpartition("::")[2]: result for name, result in results(tmp_path / "out.json").items()}
        return done, {name: (result["outcome"], result["measured"]) for name, result in found.items()}

    done, first = tested()
    assert done.returncode == 1, done.stderr
    assert [outcome for outcome, _ in first.values()] == ["passed", "failed"]
    (tmp_path / "test_some.pyx").touch()
    done, second = tested()
    assert done.returncode == 0, done.stdout
    assert second["test_a"] == first["test_a"]  # not run again
    assert second["test_b"][0] == "passed"
