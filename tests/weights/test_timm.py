"""Real sizes against timm and torchvision: random networks of theirs, imported, give their stage outputs.

On request, for they take minutes: `python -m pytest -m timm -n 0 -s` also prints the differences.
"""

import numpy as np
import pytest

from cafct_keras.models import create_model
from tests.cli import run

pytestmark = pytest.mark.timm

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
SIZES = ((224, 224), (256, 320), (96, 160))
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def timm(request):
    if "timm" not in request.config.option.markexpr:
        pytest.skip("takes minutes; -m timm runs it")
    # What torchvision's Python half looks for on import, and its half in C++ brings, where the two fit together.
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms(Tensor a, Tensor b, float c) -> Tensor", "qnms(Tensor a, Tensor b, float c) -> Tensor"):
        library.define(name)
    return pytest.importorskip("timm", reason="timm is not installed")


def randomised(network, seed=0):
    """The network in inference, every weight, bias and running statistic of it drawn anew around its initial size."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith("running_var"):
            value.copy_(1 + 0.5 * torch.rand(value.shape, generator=generator))
        elif value.ndim == 1:
            value.add_(0.2 * noise)
        else:
            value.copy_(noise * value.std().clamp(min=1e-3))
    return network.eval()


def largest_difference(ours, theirs):
    """Over the stages: largest absolute difference over largest absolute value."""
    return max(
        float(np.abs(mine - other).max() / np.abs(other).max())
        for mine, other in zip(ours, (np.moveaxis(x.numpy(), 1, -1) for x in theirs), strict=True)
    )


def compare(network, stages, name, tmp_path):
    """Exports a network's state, imports it and compares its stages at every size."""
    from safetensors.torch import save_file

    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, tmp_path / "x.safetensors")
    result = run("import-weights", tmp_path / "x.safetensors", "--out", tmp_path / "out", "--json")
    assert result.code == 0, result
    assert result.json["network"] == name
    model = create_model(name, weights=tmp_path / "out")
    for height, width in SIZES:
        images = torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(height))
        with torch.inference_mode():
            theirs = stages(images)
        ours = model.predict_on_batch(np.moveaxis(images.numpy(), 1, -1))
        difference = largest_difference(ours, theirs)
        print(f"{name} {height}x{width}: {difference:.1e}")
        assert difference < TOLERANCE


@pytest.mark.parametrize(
    "name",
    [*(f"pvt_v2_b{size}" for size in range(6)), "pvt_v2_b2_li", "resnet18", "resnet34", "resnet50", "resnet101"],
)
def test_stage_outputs_of_timm(timm, tmp_path, name):
    network = randomised(timm.create_model(name))
    compare(network, lambda x: network.forward_intermediates(x, indices=4, intermediates_only=True), name, tmp_path)


def test_densenet_of_torchvision(timm, tmp_path):
    from torchvision.models import densenet161
    from torchvision.models.feature_extraction import create_feature_extractor

    network = randomised(densenet161())
    names = ("relu0", "denseblock1", "denseblock2", "denseblock3", "norm5")
    taken = create_feature_extractor(network, [f"features.{name}" for name in names]).eval()

    def stages(images):
        *maps, last = taken(images).values()
        return [*maps, last.relu()]

    compare(network, stages, "densenet161", tmp_path)


def test_stage_outputs_of_torchvision(timm, tmp_path):
    from torchvision.models import resnet18
    from torchvision.models.feature_extraction import create_feature_extractor

    network = randomised(resnet18())
    taken = create_feature_extractor(network, [f"layer{level}" for level in (1, 2, 3, 4)]).eval()
    compare(network, lambda x: list(taken(x).values()), "resnet18", tmp_path)
