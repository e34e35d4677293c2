"""Time of an epoch of LiTS on many GPUs, by a model of the training step.

    python -m benchmarks.scaling                                       # `base`, 32 slices on each GPU, as on an H200
    python -m benchmarks.scaling --ms-per-image 0.5 --batch-size 64 --devices 1 8 16

A step is the computation, the all-reduce of the gradients, and the small all-reduces of batch normalization and the
loss, on which the next layer waits. docs/explanation/scaling.md explains the model; `benchmarks/scaling_check.py`
compares it with measurements on virtual CPU devices.
"""

import argparse
import dataclasses
import math

SLICES = 38_523  # training slices of LiTS in `lits-png`
# Of a training step of `base`, as XLA compiles it for two devices: besides the gradients, the sums of its batch
# normalizations, of the loss and of the metrics.
SMALL_ALL_REDUCES, SMALL_BYTES = 242, 1428


@dataclasses.dataclass(frozen=True, kw_only=True)
class Link:
    """What connects a GPU with the next one of a ring.

    Attributes:
        bandwidth: bytes per second in each direction, per GPU.
        latency: seconds from the sending of a small message to its receipt, software included.
    """

    bandwidth: float
    latency: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cluster:
    """GPUs in hosts.

    Attributes:
        per_host: GPUs per host.
        within, between: the links of a host, and those of a GPU to other hosts.
    """

    per_host: int
    within: Link
    between: Link

    def all_reduce(self, size: float, devices: int) -> float:
        """Seconds of a sum over the devices: within hosts, between hosts of the parts that each GPU has, and back.

        Args:
            size: bytes on each device.
            devices: number of devices; beyond one host, a multiple of `per_host`.
        """
        local = min(devices, self.per_host)
        hosts = math.ceil(devices / self.per_host)
        inside = 2 * (local - 1) / local * size / self.within.bandwidth
        outside = 2 * (hosts - 1) / hosts * size / local / self.between.bandwidth
        hops = math.ceil(math.log2(local)) * self.within.latency + math.ceil(math.log2(hosts)) * self.between.latency
        return inside + outside + 2 * hops


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """A training step on one device, and what several exchange.

    Attributes:
        ms_per_image: of the step on one device.
        batch_size: images per step and device.
        gradient_bytes: of all gradients.
        small_all_reduces: other all-reduces per step, one after the other.
        small_bytes: of each.
        stream_per_core: slices that a core prepares per second.
        cores: of a host, that prepare slices.
    """

    ms_per_image: float
    batch_size: int
    gradient_bytes: float
    small_all_reduces: int
    small_bytes: float
    stream_per_core: float
    cores: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Epoch:
    """An epoch on several devices.

    Attributes:
        seconds: of its training steps, if nothing that is exchanged is hidden behind the computation.
        seconds_hidden: likewise, if gradients are exchanged during the backward pass as far as that is long enough.
        communication: fraction of `seconds` that is exchange.
        waiting: fraction of `seconds` that devices wait for slices.
        slices_per_host: slices per second that each host must prepare.
    """

    seconds: float
    seconds_hidden: float
    communication: float
    waiting: float
    slices_per_host: float


def predict(training: Training, cluster: Cluster, devices: int, *, slices: int = SLICES) -> Epoch:
    """The epoch of so many slices, each device with its own batch."""
    compute = training.ms_per_image / 1000 * training.batch_size
    small = training.small_all_reduces * cluster.all_reduce(training.small_bytes, devices)
    gradients = cluster.all_reduce(training.gradient_bytes, devices)
    step = compute + small + gradients
    # Two thirds of a step are the backward pass.
    hidden = compute + small + max(0.0, gradients - compute * 2 / 3)
    local = min(devices, cluster.per_host)
    supply = local * training.batch_size / (training.cores * training.stream_per_core)
    steps = max(1, slices // (training.batch_size * devices))
    return Epoch(
        seconds=steps * max(step, supply),
        seconds_hidden=steps * max(hidden, supply),
        communication=(small + gradients) / max(step, supply),
        waiting=max(0.0, supply - step) / max(step, supply),
        slices_per_host=local * training.batch_size / step,
    )


# Nominal rates of the links, and latencies that are assumptions.
NVLINK = Link(bandwidth=450e9, latency=5e-6)
PCIE = Link(bandwidth=32e9, latency=10e-6)
CLUSTERS = {
    "NVLink, 400 Gbit/s per GPU": Cluster(per_host=8, within=NVLINK, between=Link(bandwidth=50e9, latency=10e-6)),
    "NVLink, 100 Gbit/s per host": Cluster(
        per_host=8, within=NVLINK, between=Link(bandwidth=12.5e9 / 8, latency=30e-6)
    ),
    "PCIe 4, 25 Gbit/s per host": Cluster(per_host=8, within=PCIE, between=Link(bandwidth=3.125e9 / 8, latency=30e-6)),
}


def main(arguments: list[str] | None = None) -> None:
    """Prints a table for each cluster."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--ms-per-image", type=float, default=1.016, help="of a training step on one GPU (%(default)s)"
    )
    options.add_argument("--batch-size", type=int, default=32, help="per GPU (%(default)s)")
    options.add_argument("--parameters", type=int, default=54_574_912, help="whose gradients are summed (%(default)s)")
    options.add_argument("--gradient-bytes", type=int, default=4, help="per parameter (%(default)s)")
    options.add_argument("--small", type=int, default=SMALL_ALL_REDUCES, help="other all-reduces (%(default)s)")
    options.add_argument("--stream-per-core", type=float, default=2865, help="slices per second (%(default)s)")
    options.add_argument("--cores", type=int, default=16, help="of a host that prepare slices (%(default)s)")
    options.add_argument("--slices", type=int, default=SLICES, help="per epoch (%(default)s)")
    options.add_argument("--devices", type=int, nargs="+", default=[1, 8, 64], help="numbers of GPUs")
    given = options.parse_args(arguments)
    training = Training(
        ms_per_image=given.ms_per_image,
        batch_size=given.batch_size,
        gradient_bytes=given.parameters * given.gradient_bytes,
        small_all_reduces=given.small,
        small_bytes=SMALL_BYTES,
        stream_per_core=given.stream_per_core,
        cores=given.cores,
    )
    for name, cluster in CLUSTERS.items():
        print(f"{name}\n\n| GPUs | batch | epoch | gradients hidden | exchange | waiting | slices/s per host |")
        print("|---" * 7 + "|")
        for devices in given.devices:
            epoch = predict(training, cluster, devices, slices=given.slices)
            print(
                f"| {devices} | {devices * given.batch_size:,} | {epoch.seconds:.2f} s | {epoch.seconds_hidden:.2f} s "
                f"| {epoch.communication:.1%} | {epoch.waiting:.1%} | {epoch.slices_per_host:,.0f} |"
            )
        print()


if __name__ == "__main__":
    main()
