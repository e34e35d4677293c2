"""Import it before tools that import torchvision: nothing that is tested needs its half in C++."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")

try:
    import torchvision  # noqa: F401
except ModuleNotFoundError:
    pass
except RuntimeError:
    # Its release is for another one of PyTorch, so its operators in C++, which its import looks for, are absent.
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms(Tensor a, Tensor b, float c) -> Tensor", "qnms(Tensor a, Tensor b, float c) -> Tensor"):
        library.define(name)
