"""Times training and prediction steps beside the PyTorch network, each in a process of its own, and writes raw JSON.

    python benchmarks/gpu/steps.py OUT.json --peer peer_torch.py --case train,base,mixed_bfloat16,32 --case ...

A case is a task, a preset, a precision and a batch size. The PyTorch network runs eagerly in the same precision
(float32 is TF32 in both), and compiled with bfloat16 and channels-last maps.
"""

import argparse
import json
import os
import subprocess
import sys
import time

OURS = [sys.executable, "-c", "import sys; from cafct_keras.cli import main; sys.exit(main())", "benchmark"]


def commands(case: str, peer: str | None, *, device: str, size: int, repeats: int) -> dict[str, list[str]]:
    """The commands of one case by name."""
    task, preset, precision, batch = case.split(",")
    ours = [task, "--preset", preset, "--precision", precision, "--batch-size", batch, "--size", str(size)]
    found = {"cafct-keras": [*OURS, *ours, "--repeats", str(repeats), "--json"]}
    if peer is not None:
        theirs = [sys.executable, peer, "--what", task, "--preset", preset, "--batch", batch, "--size", str(size)]
        theirs += ["--device", device, "--repeats", str(repeats)]
        half = precision != "float32"
        found["peer eager"] = theirs + ["--amp", "bf16"] * half
        if half:
            found["peer compiled"] = [*theirs, "--amp", "bf16", "--channels-last", "--compile"]
    return found


def run(command: list[str], timeout: float) -> dict:
    """The JSON object on the last line that a command prints, or its `error`."""
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"longer than {timeout:.0f} s"}
    seconds = round(time.perf_counter() - start, 1)
    try:
        return json.loads(done.stdout.strip().splitlines()[-1]) | {"command_s": seconds}
    except (IndexError, ValueError):
        return {"error": (done.stderr or done.stdout)[-1500:], "command_s": seconds}


def main() -> None:
    """Runs all cases until the time is used up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="JSON file to write")
    parser.add_argument("--case", action="append", required=True, metavar="TASK,PRESET,PRECISION,BATCH")
    parser.add_argument("--peer", help="the PyTorch network's script")
    parser.add_argument("--device", default="cuda", help="of the PyTorch network")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=500, help="no case is begun after this time")
    options = parser.parse_args()

    start, results = time.perf_counter(), []
    for case in options.case:
        named = commands(case, options.peer, device=options.device, size=options.size, repeats=options.repeats)
        for name, command in named.items():
            left = options.seconds - (time.perf_counter() - start)
            if left < 20:
                continue
            result = run(command, left)
            results.append({"case": case, "name": name, "result": result})
            with open(f"{options.out}.part", "w", encoding="utf-8") as file:
                json.dump(results, file, indent=1)
            os.replace(f"{options.out}.part", options.out)
            brief = {key: result.get(key) for key in ("ms_per_image", "best_ms_per_image", "peak_memory_gb", "error")}
            compiling = result.get("compile_s", result.get("warm_up_s"))
            print(f"{case:36} {name:14} {brief} compile {compiling} flops {result.get('achieved_flops')}", flush=True)


if __name__ == "__main__":
    main()
