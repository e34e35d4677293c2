"""Prints the results of a campaign as tables, and whether its aims are reached.

python -m benchmarks.gpu.summary ceilings.json steps.json operators.json memory.json epoch.json tests.json
"""

import argparse
import collections
import json
import pathlib
from collections.abc import Iterator
from typing import Any

PASSES = {"train": 3, "predict": 1}  # times the multiply-adds of a prediction
AIMS = {"times the compiled peer": 1.5, "of the bfloat16 rate": 0.35, "waiting": 0.02}

Results = dict[str, dict[str, Any]]


def steps(results: Results, ceiling: float | None) -> Iterator[list[str]]:
    """A row for each step of this project, beside the peer's."""
    yield [
        "step",
        "ms per image (best)",
        "peer eager",
        "peer compiled",
        "TFLOP/s",
        "of the bfloat16 rate",
        "GiB (peer)",
    ]
    for name, ours in results.items():
        case, separator, _ = name.partition(" cafct-keras")
        if not separator or "macs_per_image" not in ours:
            continue
        peers = [results.get(f"{case} peer {kind}", {}) for kind in ("eager", "compiled")]
        times = [each["ms_per_image"] / ours["ms_per_image"] if "ms_per_image" in each else None for each in peers]
        rate = 2 * PASSES[ours["task"]] * ours["macs_per_image"] / ours["ms_per_image"] * 1000
        yield [
            case,
            f"{ours['ms_per_image']:.3f} ({ours['best_ms_per_image']:.3f})",
            *(f"{value:.2f} times" if value else "" for value in times),
            f"{rate / 1e12:.1f}",
            f"{rate / ceiling:.0%}" if ceiling else "",
            f"{ours['peak_memory_gb']:.1f} ({peers[1].get('peak_memory_gb', peers[0].get('peak_memory_gb', ''))})",
        ]


def operators(results: Results) -> Iterator[list[str]]:
    """A row for each operator: milliseconds forward and with gradients, and the fastest."""
    contests: dict[str, Results] = collections.defaultdict(dict)
    for name, result in results.items():
        contest, _, side = name.rpartition(": ")
        if "gradients_ms" in result:
            contests[contest][side] = result
    yield ["operator", "own", "keras", "cudnn", "fastest"]
    for contest, sides in contests.items():
        shown = [sides.get(side) for side in ("own", "keras", "cudnn")]
        cells = [f"{each['forward_ms']:.3f} + {each['gradients_ms']:.3f}" if each else "" for each in shown]
        yield [contest, *cells, min(sides, key=lambda side: sides[side]["forward_ms"] + sides[side]["gradients_ms"])]


def swaps(results: Results) -> Iterator[list[str]]:
    """A row for each training step with one operator swapped."""
    found = {name: result for name, result in results.items() if "swap" in result}
    yield ["step", "ms per image (best)", "of the step as it is"]
    for name, result in found.items():
        base = found.get(name.replace(result["swap"], "none"), {}).get("ms_per_image")
        share = f"{result['ms_per_image'] / base:.2f}" if base else ""
        yield [name, f"{result['ms_per_image']:.3f} ({result['best_ms_per_image']:.3f})", share]


def memory(results: Results) -> Iterator[list[str]]:
    """A row for each largest batch."""
    yield ["case", "largest batch", "GiB", "ms per image"]
    for name, result in results.items():
        if "limit_gb" in result:
            yield [name, str(result["batch_size"]), f"{result['peak_memory_gb']:.1f}", f"{result['ms_per_image']:.3f}"]


def epochs(results: Results) -> Iterator[list[str]]:
    """A row for each epoch."""
    yield ["epoch", "slices", "seconds", "ms per image", "waiting", "batches by"]
    for name, each in results.items():
        if "waiting" in each:
            figures = (f"{each['epoch_s']:.1f}", f"{each['ms_per_image']:.3f}", f"{each['waiting']:.1%}")
            yield [name, f"{each['slices']:,}", *figures, each["stream"]]


def failures(results: Results) -> Iterator[list[str]]:
    """A row for each outcome of the tests, and for each measurement that failed."""
    yield ["tests and failures", ""]
    outcomes = collections.Counter(result["outcome"] for result in results.values() if "outcome" in result)
    yield from ([outcome, str(count)] for outcome, count in outcomes.items())
    yield from (
        [name, " ".join(str(each["error"]).split())[-160:]] for name, each in results.items() if "error" in each
    )


def aims(results: Results, ceiling: float | None) -> Iterator[list[str]]:
    """A row for each aim that has been measured, with the best that was found."""
    yield ["aim", "best", "reached"]
    measured: dict[str, list[float]] = collections.defaultdict(list)
    for name, ours in results.items():
        case, separator, _ = name.partition(" cafct-keras")
        peer = results.get(f"{case} peer compiled", {}).get("ms_per_image")
        if separator and peer and "ms_per_image" in ours and "largest" not in name:
            measured[f"{case}: times the compiled peer"].append(peer / ours["ms_per_image"])
        if ceiling and separator and name.startswith("train,base,mixed_bfloat16") and "macs_per_image" in ours:
            rate = 6 * ours["macs_per_image"] / ours["ms_per_image"] * 1000
            measured["training `base` in bfloat16: of the bfloat16 rate"].append(rate / ceiling)
        if "waiting" in ours:
            measured[f"{name}: waiting"].append(ours["waiting"])
    for name, values in measured.items():
        kind = name.rpartition(": ")[2]
        best = min(values) if kind == "waiting" else max(values)
        reached = best < AIMS[kind] if kind == "waiting" else best >= AIMS[kind]
        yield [f"{name} {'below' if kind == 'waiting' else 'at least'} {AIMS[kind]:g}", f"{best:.3f}", str(reached)]


def table(rows: list[list[str]]) -> str:
    """Rows as a Markdown table, the first as its header; nothing if there is only that."""
    if len(rows) < 2:
        return ""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:], ""])


def main(arguments: list[str] | None = None) -> None:
    """Prints all tables that the files fill."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("files", nargs="+", type=pathlib.Path, help="of the scripts of the campaign")
    results: Results = {}
    for file in options.parse_args(arguments).files:
        results |= json.loads(file.read_text("utf-8"))["results"]
    ceiling = results.get("bfloat16", {}).get("flops")
    print("; ".join(sorted({result["machine"] for result in results.values()})), end="\n\n")
    for rows in (steps(results, ceiling), operators(results), swaps(results), memory(results), epochs(results)):
        print(table(list(rows)))
    print(table(list(failures(results))), table(list(aims(results, ceiling))), sep="\n")


if __name__ == "__main__":
    main()
