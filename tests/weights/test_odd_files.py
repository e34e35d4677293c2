"""Files of weights that are damaged, or made to take memory: one line, and nothing else."""

import json
import struct

import h5py
import numpy as np
import pytest

from cafct_keras.checksums import sha256
from cafct_keras.errors import UserError
from cafct_keras.models import load_weights
from cafct_keras.weights.loading import read_weights
from cafct_keras.weights.readers import read_state
from tests.training.micro import micro

torch = pytest.importorskip("torch", reason="the extra torch is not installed")


def safetensors_of(path, dtype, size):
    header = json.dumps({"a.weight": {"dtype": dtype, "shape": [4], "data_offsets": [0, size]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(size))
    return path


@pytest.mark.parametrize(
    ("dtype", "size"), [("F8_E4M3", 4), ("F8_E5M2", 4), ("F8_E8M0", 4), ("F4", 2), ("C64", 32), ("F6", 4), ("F32", 12)]
)
def test_safetensors_of_other_numbers(tmp_path, dtype, size):
    with pytest.raises(UserError, match=r"odd\.safetensors: "):
        read_state(safetensors_of(tmp_path / "odd.safetensors", dtype, size))


@pytest.mark.parametrize("dtype", ["F32", "F64", "F16", "BF16", "I64"])
def test_safetensors_of_numbers_are_read(tmp_path, dtype):
    size = {"F32": 16, "F64": 32, "F16": 8, "BF16": 8, "I64": 32}[dtype]
    state = read_state(safetensors_of(tmp_path / "good.safetensors", dtype, size))
    assert state["a.weight"].dtype == np.float32


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(10**12),
        torch.zeros(4, dtype=torch.float8_e4m3fn),
        torch.zeros(4, dtype=torch.complex64),
        torch.eye(4).to_sparse(),
        torch.tensor([1.0, float("nan")]),
        torch.tensor([1.0, float("inf")]),
        torch.empty(4, device="meta"),
    ],
    ids=["repeated", "float8", "complex", "sparse", "NaN", "infinite", "meta"],
)
def test_tensors_of_pytorch_that_are_no_weights(tmp_path, tensor):
    torch.save({"a.weight": tensor}, tmp_path / "odd.pt")
    with pytest.raises(UserError, match=r"odd\.pt: its a\.weight "):
        read_state(tmp_path / "odd.pt")


@pytest.fixture
def imported(tmp_path):
    """A `.weights.h5` file of the network `micro`, with its card."""
    weights = tmp_path / "micro.weights.h5"
    micro(input_shape=(None, None, 3)).save_weights(weights)
    (tmp_path / "micro.json").write_text(json.dumps(card_of(weights, input_shape=[None, None, 3])))
    return weights


def card_of(weights, **arguments):
    return {"format": 1, "network": "micro", "arguments": arguments, "weights": weights.name, "sha256": sha256(weights)}


def test_what_was_imported_is_read(imported):
    assert read_weights(imported).holds == "micro"


@pytest.mark.parametrize(
    "arguments",
    [{"width": 10**6}, {"width": 10**13}, {"input_shape": [None, None, 10**12]}, {"width": -1}, {"more": 1}],
)
def test_cards_of_absurd_networks(imported, arguments):
    imported.with_name("micro.json").write_text(json.dumps(card_of(imported, **arguments)))
    with pytest.raises(UserError, match=r"micro\.json: not the card of the weights beside it"):
        read_weights(imported)


@pytest.mark.parametrize("text", ["", "[]", "null", "[" * 10_000, '{"format": 1}', '{"format": []}'])
def test_cards_that_are_something_else(imported, text):
    imported.with_name("micro.json").write_text(text)
    with pytest.raises(UserError, match=r"micro\.json: not the card of the weights beside it"):
        read_weights(imported)


def compressed(file):
    file.create_dataset("bomb", (1 << 30, 1 << 10), "float32", compression="gzip", chunks=(1 << 10, 1 << 10))


def not_finite(file):
    def change(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            item[...] = np.full(item.shape, np.nan)

    file.visititems(change)


@pytest.mark.parametrize("change", [compressed, not_finite])
@pytest.mark.parametrize("with_card", [True, False])
def test_weights_of_keras_that_are_no_weights(imported, change, with_card):
    with h5py.File(imported, "r+") as file:
        change(file)
    card = imported.with_name("micro.json")
    card.write_text(json.dumps(card_of(imported, input_shape=[None, None, 3])))
    if not with_card:
        card.unlink()
    with pytest.raises(UserError, match=r"micro\.weights\.h5: not weights of micro"):
        load_weights(micro(input_shape=(None, None, 3)), imported)


def test_damaged_weights_of_keras(imported, tmp_path):
    imported.with_name("micro.json").unlink()
    content = imported.read_bytes()
    for place in range(0, len(content), len(content) // 20):
        damaged = tmp_path / "damaged.weights.h5"
        damaged.write_bytes(content[:place])
        with pytest.raises(UserError, match=r"damaged\.weights\.h5: not "):
            load_weights(micro(input_shape=(None, None, 3)), damaged)
