"""Finds the largest batch that fits into the card's memory, each try in a process of its own.

    python -m benchmarks.gpu.memory memory.json --peer peer_torch.py

The memory of a step grows with the batch, so two small batches tell where the limit lies. From there, batches grow or
shrink by an eighth until one fits and the next does not.
"""

import os
from collections.abc import Callable

from benchmarks.gpu.campaign import Campaign, Result, machine, parser, run_json
from benchmarks.gpu.steps import COMPILING_S, commands

CASES = ["train,base,mixed_bfloat16", "train,base,float32", "train,large,mixed_bfloat16", "predict,base,mixed_bfloat16"]
FIRST = 32
# JAX takes three quarters of the memory otherwise.
EVERYTHING = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.95"}


def card_gigabytes() -> float:
    """Memory of the first GPU in GiB, as `machine` reports it."""
    try:
        return float(machine().split(", ")[1].split()[0]) / 1024
    except (IndexError, ValueError):
        raise SystemExit("memory: no GPU; give --limit") from None


def search(attempt: Callable[[int], Result | None], *, limit: float, first: int) -> int | None:
    """The largest batch that fits, to an eighth.

    Args:
        attempt: the report of a batch with its `peak_memory_gb` or `out_of_memory`; with an `error`, or None without
            time, the search ends.
        limit: GiB that a step may take.
        first: a batch, twice of which fits.

    Returns:
        The batch; None if it is not known yet.
    """
    peaks: list[float] = []
    for batch in (first, 2 * first):
        result = attempt(batch)
        if not fits(result, limit):
            return None
        peaks.append(result["peak_memory_gb"])
    largest, too_large = 2 * first, 0
    slope = max((peaks[1] - peaks[0]) / first, 1e-6)
    batch = _even(2 * first + (0.95 * limit - peaks[1]) / slope, first)
    while largest < batch and not 0 < too_large <= batch:
        result = attempt(batch)
        if result is None or "error" in result:
            return None
        if fits(result, limit):
            largest, batch = batch, _even(batch * 9 / 8, first)
        else:
            too_large, batch = batch, _even(batch * 7 / 8, first)
    return largest


def fits(result: Result | None, limit: float) -> bool:
    """Whether a batch was computed within the limit."""
    return bool(result) and result.get("peak_memory_gb", limit + 1) <= limit


def tried(result: Result) -> Result:
    """A result that says that the memory did not suffice is no failure of the measurement."""
    wanting = ("RESOURCE_EXHAUSTED", "OutOfMemory", "out of memory")
    if any(word in str(result.get("error")) for word in wanting):
        return {"out_of_memory": True, "command_s": result["command_s"]}
    return result


def _even(batch: float, first: int) -> int:
    """A multiple of a quarter of the first batch, or of 1."""
    unit = max(first // 4, 1)
    return max(int(batch) // unit * unit, unit)


def main(arguments: list[str] | None = None) -> None:
    """Searches for every case, this project and the peer."""
    options = parser(__doc__)
    options.add_argument("--case", action="append", metavar="TASK,PRESET,PRECISION", help="default: four")
    options.add_argument("--peer", help="script of the PyTorch network")
    options.add_argument("--model", default="cafct_net", help="a network of this project")
    options.add_argument("--device", default="cuda", help="of the PyTorch network")
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--first", type=int, default=FIRST, help="a batch, twice of which fits")
    options.add_argument("--limit", type=float, help="GiB that a step may take; default: 95 %% of the card's")
    options.add_argument("--compiling", type=float, default=COMPILING_S, help="seconds that a step may take to compile")
    given = options.parse_args(arguments)
    limit = given.limit or 0.95 * card_gigabytes()
    campaign = Campaign(given.out, seconds=given.seconds)
    chosen = {"model": given.model, "device": given.device, "size": given.size, "repeats": 2}
    for case in given.case or CASES:
        for name in commands(f"{case},1", given.peer, **chosen):

            def attempt(batch: int, case: str = case, name: str = name) -> Result | None:
                command = commands(f"{case},{batch}", given.peer, **chosen)[name]
                environment = EVERYTHING if "XLA_PYTHON_CLIENT_MEM_FRACTION" not in os.environ else {}
                return campaign.measure(
                    f"{case},{batch} {name}",
                    lambda: tried(run_json(command, timeout=campaign.seconds_left, environment=environment)),
                    required=given.compiling / (1 if name == "cafct-keras" else 2),
                )

            largest = search(attempt, limit=limit, first=given.first)
            if largest:
                result = campaign.results[f"{case},{largest} {name}"]
                kept = {key: result[key] for key in ("ms_per_image", "peak_memory_gb")}
                campaign.record(f"{case} {name}: largest batch", {"batch_size": largest, "limit_gb": limit, **kept})
    campaign.close()


if __name__ == "__main__":
    main()
