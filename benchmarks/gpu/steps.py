"""Times training and prediction steps beside the PyTorch network, each in a process of its own.

    python -m benchmarks.gpu.steps steps.json --peer peer_torch.py
    python -m benchmarks.gpu.steps steps.json --peer peer_torch.py --case train,base,mixed_bfloat16,32

A case is a task, a preset, a precision and a batch size. The PyTorch network runs eagerly in the same precision
(float32 is TF32 in both), and compiled with bfloat16 and channels-last maps.
"""

import itertools
import sys

from benchmarks.gpu.campaign import Campaign, parser, run_json

OURS = [sys.executable, "-c", "import sys; from cafct_keras.cli import main; sys.exit(main())", "benchmark"]
# The most informative first: not all fit into one call.
CASES = [
    ",".join((task, preset, precision, batch))
    for precision, preset, batch, task in itertools.product(
        ("mixed_bfloat16", "float32"), ("base", "small", "large"), ("32", "128", "8"), ("train", "predict")
    )
]
COMPILING_S = 200  # a training step of `base` took up to 176 s to compile


def commands(case: str, peer: str | None, *, model: str, device: str, size: int, repeats: int) -> dict[str, list[str]]:
    """The commands of one case by name."""
    task, preset, precision, batch = case.split(",")
    ours = [task, "--model", model, "--preset", preset, "--precision", precision, "--batch-size", batch]
    found = {"cafct-keras": [*OURS, *ours, "--size", str(size), "--repeats", str(repeats), "--json"]}
    if peer is not None:
        theirs = [sys.executable, peer, "--what", task, "--preset", preset, "--batch", batch, "--size", str(size)]
        theirs += ["--device", device, "--repeats", str(repeats)]
        half = precision != "float32"
        found["peer eager"] = theirs + ["--amp", "bf16"] * half
        if half:
            found["peer compiled"] = [*theirs, "--amp", "bf16", "--channels-last", "--compile"]
    return found


def main(arguments: list[str] | None = None) -> None:
    """Runs all cases until the time is over."""
    options = parser(__doc__)
    options.add_argument("--case", action="append", metavar="TASK,PRESET,PRECISION,BATCH", help="default: all")
    options.add_argument("--peer", help="script of the PyTorch network")
    options.add_argument("--model", default="cafct_net", help="a network of this project; the peer is CAFCT-Net")
    options.add_argument("--device", default="cuda", help="of the PyTorch network")
    options.add_argument("--size", type=int, default=256)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--compiling", type=float, default=COMPILING_S, help="seconds that a step may take to compile")
    given = options.parse_args(arguments)

    campaign = Campaign(given.out, seconds=given.seconds)
    for case in given.case or CASES:
        named = commands(
            case, given.peer, model=given.model, device=given.device, size=given.size, repeats=given.repeats
        )
        for name, command in named.items():
            campaign.measure(
                f"{case} {name}",
                lambda command=command: run_json(command, timeout=campaign.seconds_left),
                required=given.compiling / (1 if name == "cafct-keras" else 2),
            )
    campaign.close()


if __name__ == "__main__":
    main()
