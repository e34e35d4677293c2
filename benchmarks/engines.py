"""Times the engines of a network beside each other, and beside a network in PyTorch, in turns.

    python benchmarks/engines.py --preset small --peer ../shared/tools/peer_torch.py

In every round each of them predicts one batch, so that whatever else the machine does slows all of them alike; the
figures are the medians over the rounds and the best of them. Prints one JSON object.
"""

import argparse
import importlib.util
import json
import pathlib
import platform
import statistics
import sys
import tempfile
import time

import keras
import numpy as np

import cafct_keras
from cafct_keras.engines import load_engine
from cafct_keras.engines.engine import cpu_count
from cafct_keras.engines.runtimes import RUNTIMES
from cafct_keras.runtime.versions import versions

BATCH, SIZE = 8, 256


def peer_of(file, preset):
    """Prediction by the network of a file such as `peer_torch.py`, eager, in float32."""
    import torch

    specification = importlib.util.spec_from_file_location("peer", file)
    peer = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(peer)
    torch.manual_seed(0)
    network = peer.CAFCTNet(preset).eval()

    def predict(images):
        with torch.inference_mode():
            torch.sigmoid(network(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())))

    return predict


def main():
    """Reads the options, times and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--peer", type=pathlib.Path)
    options = parser.parse_args()
    images = np.random.default_rng(0).random((BATCH, SIZE, SIZE, 3), dtype="float32")
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "network.keras")
        cafct_keras.create_model("cafct_net", preset=options.preset, input_shape=(None, None, 3)).save(file)
        predictors = {"keras": load_engine(file, name="keras", batch_size=BATCH)}
        for runtime in RUNTIMES:
            for precision in runtime.precisions():
                name = f"{runtime.name} {precision}"
                predictors[name] = load_engine(file, name=runtime.name, precision=precision, batch_size=BATCH)
        if options.peer:
            predictors["peer"] = peer_of(options.peer, options.preset)
        for predict in predictors.values():
            predict(images)
        times = {name: [] for name in predictors}
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for name, predict in predictors.items():
                start = time.perf_counter()
                predict(images)
                times[name].append(1000 * (time.perf_counter() - start) / BATCH)
    print(
        json.dumps(
            {
                "preset": options.preset,
                "batch_size": BATCH,
                "size": SIZE,
                "rounds": options.rounds,
                "cores": cpu_count(),
                "ms_per_image": {name: round(statistics.median(each), 2) for name, each in times.items()},
                "best_ms_per_image": {name: round(min(each), 2) for name, each in times.items()},
                "machine": platform.machine(),
                "versions": versions(),
            }
        )
    )


if __name__ == "__main__":
    main()
