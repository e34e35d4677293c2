"""Weights from PyTorch, by command line and builders: the same maps as there, and every tensor accounted for."""

import hashlib
import json
import os

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

import cafct_keras
from cafct_keras.models import PVTv2, ResNet, load_weights
from tests import golden
from tests.cli import fails, run
from tests.weights.states import PVT_TINY, RESNET_TINY, as_timm_names_it, pvt, resnet


def write(state, file):
    save_file({name: np.ascontiguousarray(value) for name, value in state.items()}, file)
    return file


def weights_of(model):
    return {each.path: keras.ops.convert_to_numpy(each) for each in model.weights}


def assert_same_weights(actual, expected):
    actual, expected = weights_of(actual), weights_of(expected)
    assert actual.keys() == expected.keys()
    assert [path for path in expected if not np.array_equal(actual[path], expected[path])] == []


@pytest.fixture(scope="module")
def pvt_file(tmp_path_factory):
    return write(pvt(**PVT_TINY), tmp_path_factory.mktemp("pvt") / "pvt.safetensors")


@pytest.fixture(scope="module")
def resnet_file(tmp_path_factory):
    return write(resnet(**RESNET_TINY), tmp_path_factory.mktemp("resnet") / "resnet.safetensors")


@pytest.mark.backends
@pytest.mark.parametrize(
    ("file", "variant", "size"), [("pvt_v2_tiny", "tiny", "96x64"), ("pvt_v2_tiny_li", "tiny_li", "256x256")]
)
def test_reference_maps_of_an_imported_encoder(shared, tmp_path, file, variant, size):
    state, arrays, _ = golden.load(shared / "golden" / f"{file}.npz")
    source = write(state, tmp_path / f"{file}.safetensors")
    result = run("import-weights", source, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result
    model = PVTv2(variant, weights=tmp_path / "out" / f"pvt_v2_{variant}.weights.h5")
    maps = model.predict_on_batch(golden.nhwc(arrays[f"in/{size}"]))
    for level, actual in enumerate(maps, start=1):
        np.testing.assert_allclose(actual, golden.nhwc(arrays[f"out/{size}/stage{level}"]), atol=5e-6, err_msg=level)


@pytest.mark.backends
def test_reference_maps_of_both_branches_of_cafct_net(shared, tmp_path):
    state, arrays, _ = golden.load(shared / "golden" / "cafct_tiny.npz")
    files = []
    for branch, prefix in (("cnn", "cnn."), ("transformer", "tr.m.")):
        own = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        files.append(write(own, tmp_path / f"{branch}.safetensors"))
    options = {"input_shape": (None, None, 3), "normalization": None}
    model = cafct_keras.create_model("cafct_net", preset="tiny", weights=files, **options)
    names = {
        f"{ours}{level}": f"{theirs}{level}"
        for ours, theirs in (("cnn", "cnn"), ("transformer", "tr"))
        for level in (1, 2, 3, 4)
    }
    probe = keras.Model(model.input, {name: model.get_layer(name).output for name in names})
    actual = probe.predict_on_batch(golden.nhwc(arrays["in/x"]))
    for ours, theirs in names.items():
        np.testing.assert_allclose(
            actual[ours], golden.nhwc(arrays[f"out/{theirs}"]), atol=1e-5, rtol=1e-5, err_msg=ours
        )


def test_what_import_writes(pvt_file, tmp_path):
    result = run("import-weights", pvt_file, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"pvt_v2_tiny.weights.h5", "pvt_v2_tiny.json"}
    card = json.loads((tmp_path / "out" / "pvt_v2_tiny.json").read_text())
    assert card == result.json
    assert card["network"] == "pvt_v2_tiny"
    assert card["parameters"] == 163_160
    (source,) = card["sources"]
    assert source["file"] == "pvt.safetensors"
    assert source["sha256"] == hashlib.sha256(pvt_file.read_bytes()).hexdigest()
    assert source["parameters"] == 163_160
    assert source["left_out"] == ["head.bias", "head.weight"]
    # The card is all that it takes to build the network again; a folder, a file and the source give the same.
    model = cafct_keras.create_model(card["network"], **card["arguments"], weights=tmp_path / "out")
    assert_same_weights(model, PVTv2("tiny", weights=pvt_file))
    assert_same_weights(model, PVTv2("tiny", weights=tmp_path / "out" / card["weights"]))


def test_every_name_and_every_kind_of_file_gives_the_same(pvt_file, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")
    expected = PVTv2("tiny", weights=pvt_file)
    state = pvt(**PVT_TINY)
    renamed = {as_timm_names_it(name): value for name, value in state.items()}
    assert len(renamed.keys() & state.keys()) < 3
    assert_same_weights(PVTv2("tiny", weights=write(renamed, tmp_path / "timm.safetensors")), expected)
    tensors = {name: torch.from_numpy(value) for name, value in state.items()}
    parallel = {f"module.{name}": value for name, value in tensors.items()}
    for number, content in enumerate((tensors, {"epoch": 3, "state_dict": parallel}, {"model": tensors, "lr": 0.1})):
        torch.save(content, tmp_path / f"{number}.pth")
        assert_same_weights(PVTv2("tiny", weights=tmp_path / f"{number}.pth"), expected)


def test_half_precision_is_read(tmp_path):
    state = {name: value.astype("float16") for name, value in pvt(**PVT_TINY).items()}
    model = PVTv2("tiny", weights=write(state, tmp_path / "half.safetensors"))
    expected = {name: value.astype("float32") for name, value in state.items()}
    assert_same_weights(model, PVTv2("tiny", weights=write(expected, tmp_path / "single.safetensors")))


def test_branches_are_filled_by_their_kind(pvt_file, resnet_file):
    model = cafct_keras.create_model("cafct_net", preset="tiny", input_shape=(32, 32, 3))
    before = weights_of(model)
    report = load_weights(model, [pvt_file, resnet_file])
    assert [entry["filled"] for entry in report] == [["transformer"], ["cnn"]]
    changed = {
        path.split("/")[0] for path, value in weights_of(model).items() if not np.array_equal(value, before[path])
    }
    assert changed == {"cnn_stem", *(f"{name}{level}" for name in ("cnn", "transformer") for level in (1, 2, 3, 4))}
    # The ablation without a transformer has two ResNets.
    twins = cafct_keras.create_model("cafct_net", preset="tiny", transformer="resnet_tiny", input_shape=(32, 32, 3))
    assert load_weights(twins, resnet_file)[0]["filled"] == ["cnn", "transformer"]
    twins = weights_of(twins)
    np.testing.assert_array_equal(
        twins["cnn3/block2/conv1/conv/kernel"], twins["transformer3/block2/conv1/conv/kernel"]
    )


def test_whole_network_through_import(pvt_file, resnet_file, tmp_path):
    size = ("--into", "cafct_net", "--preset", "tiny", "--model-option", "fusion=concat")
    result = run("import-weights", pvt_file, resnet_file, *size, "--out", tmp_path / "out", "--json")
    assert result.code == 0, result
    options = {"preset": "tiny", "fusion": "concat", "input_shape": (None, None, 3)}
    model = cafct_keras.create_model("cafct_net", **options, weights=tmp_path / "out")
    direct = cafct_keras.create_model("cafct_net", **options, weights=[pvt_file, resnet_file])
    actual = weights_of(model)
    branches = {path: value for path, value in weights_of(direct).items() if path.startswith(("cnn", "transformer"))}
    assert [path for path, value in branches.items() if not np.array_equal(actual[path], value)] == []
    # What the network wrote itself needs no card.
    direct.save_weights(tmp_path / "own.weights.h5")
    assert_same_weights(cafct_keras.create_model("cafct_net", **options, weights=tmp_path / "own.weights.h5"), direct)


def first_map(model, images):
    """The first level alone: the first kernel is all that differs, and one stage compiles quickly."""
    return keras.Model(model.input, model.outputs[0]).predict_on_batch(images)


@pytest.mark.parametrize("encoder", [PVTv2, ResNet])
def test_grey_slices_give_what_they_gave_as_three_colours(encoder, pvt_file, resnet_file):
    variant, file = ("tiny", pvt_file) if encoder is PVTv2 else ("resnet_tiny", resnet_file)
    grey = np.random.default_rng(0).random((2, 32, 64, 1), dtype="float32")
    expected = first_map(encoder(variant, weights=file), np.repeat(grey, 3, axis=-1))
    for channels in (1, 5):
        model = encoder(variant, input_shape=(None, None, channels), weights=file)
        np.testing.assert_allclose(first_map(model, np.repeat(grey, channels, axis=-1)), expected, atol=2e-5)


def test_normalization_is_that_of_imagenet(pvt_file, tmp_path):
    images = np.random.default_rng(0).random((2, 32, 64, 3), dtype="float32")
    plain = PVTv2("tiny", weights=pvt_file)
    expected = first_map(plain, ((images - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype("float32"))
    model = PVTv2("tiny", normalization="imagenet", weights=pvt_file)
    model.save(tmp_path / "model.keras")
    for each in (model, cafct_keras.load_model(tmp_path / "model.keras")):
        np.testing.assert_allclose(first_map(each, images), expected, atol=1e-5)
    # One channel becomes three: nothing of the first kernel has to change.
    grey = PVTv2("tiny", input_shape=(None, None, 1), normalization="imagenet", weights=pvt_file)
    repeated = first_map(model, np.repeat(images[..., :1], 3, axis=-1))
    np.testing.assert_allclose(first_map(grey, images[..., :1]), repeated, atol=1e-5)
    # Slices among their neighbours, by the colours' averages.
    stack = PVTv2("tiny", input_shape=(None, None, 5), normalization="imagenet", weights=pvt_file)
    five = np.random.default_rng(1).random((2, 32, 64, 5), dtype="float32")
    bare = PVTv2("tiny", input_shape=(None, None, 5), weights=pvt_file)
    np.testing.assert_allclose(first_map(stack, five), first_map(bare, (five - 0.449) / 0.226), atol=1e-5)
    with pytest.raises(ValueError, match="normalization must be 'imagenet' or None, not 'mri'"):
        PVTv2("tiny", normalization="mri")


def test_published_weights_switch_normalization_on(resnet_file, tmp_path):
    def normalizes(name="cafct_net", **options):
        model = cafct_keras.create_model(name, preset="tiny", input_shape=(32, 32, 3), **options)
        return "normalization" in [layer.name for layer in model.layers]

    assert normalizes(weights=resnet_file)
    assert not normalizes(weights=resnet_file, normalization=None)
    assert not normalizes()
    assert not normalizes("deeplab_v3_plus", weights=resnet_file)  # has no such argument
    # What a network saved itself says nothing of normalization; what was imported for it does.
    model = cafct_keras.create_model("cafct_net", preset="tiny", input_shape=(32, 32, 3))
    model.save_weights(tmp_path / "own.weights.h5")
    assert not normalizes(weights=tmp_path / "own.weights.h5")
    result = run(
        "import-weights", resnet_file, "--into", "cafct_net", "--preset", "tiny", "--out", tmp_path / "out", "--json"
    )
    assert result.json["arguments"]["normalization"] == "imagenet"
    assert normalizes(weights=tmp_path / "out")


def test_networks_of_fewer_levels_leave_the_rest_out(pvt_file, resnet_file):
    size = {"preset": "tiny", "input_shape": (32, 32, 3), "normalization": "imagenet"}
    model = cafct_keras.create_model("pvtformer", **size)
    (entry,) = load_weights(model, pvt_file)
    assert "norm4.weight" in entry["left_out"]
    assert "norm3.weight" not in entry["left_out"]
    np.testing.assert_array_equal(model.get_layer("transformer3").norm.gamma, pvt(**PVT_TINY)["norm3.weight"])
    model = cafct_keras.create_model("ctc_net", **size)
    (entry,) = load_weights(model, resnet_file)
    assert entry["filled"] == ["cnn"]
    assert {name.split(".")[0] for name in entry["left_out"]} == {"fc", "layer4"}


def refused(state, tmp_path, *arguments, name="file.safetensors"):
    message = fails("import-weights", write(state, tmp_path / name), *arguments, "--out", tmp_path / "out")
    assert name in message
    assert not (tmp_path / "out").exists()
    return message


def test_every_tensor_is_accounted_for(tmp_path):
    state = pvt(**PVT_TINY)
    kernel = state.pop("block3.1.mlp.fc1.weight")
    bias = state.pop("norm2.bias")
    state["block3.1.attn.relative_position"] = bias
    state["block1.2.norm1.weight"] = bias
    state["norm4.weight"] = kernel[:3, 0]
    message = refused(state, tmp_path, "--into", "pvt_v2_tiny")
    assert "2 missing (stage2/norm/beta, stage3/block2/feed_forward/expand/kernel)" in message
    assert "2 unused (block1.2.norm1.weight, block3.1.attn.relative_position)" in message
    assert "1 mismatched (norm4.weight: 3 in the file, 64 in the network)" in message
    # Many are counted, and ten of them named.
    few = {name: value for name, value in pvt(**PVT_TINY).items() if not name.startswith("block")}
    assert "and 106 more)" in refused(few, tmp_path, "--into", "pvt_v2_tiny")


def test_a_failure_leaves_the_network_as_it_was(resnet_file, tmp_path):
    broken = pvt(**PVT_TINY)
    del broken["norm1.weight"]
    model = cafct_keras.create_model("cafct_net", preset="tiny", input_shape=(32, 32, 3))
    before = weights_of(model)
    with pytest.raises(ValueError, match="1 missing"):
        load_weights(model, [resnet_file, write(broken, tmp_path / "broken.safetensors")])
    assert all(np.array_equal(value, before[path]) for path, value in weights_of(model).items())


def test_other_networks_are_named(pvt_file, resnet_file, tmp_path):
    out = ("--out", tmp_path / "out")
    assert "holds resnet_tiny, and pvt_v2_tiny has no ResNet in it" in fails(
        "import-weights", resnet_file, "--into", "pvt_v2_tiny", *out
    )
    message = fails("import-weights", resnet_file, "--into", "resnet18", *out)
    assert "holds resnet_tiny, which does not fit resnet18 (stage): " in message
    assert "mismatched (layer1.0.conv1.weight: 3x3x8x8 in the file, 3x3x64x64 in the network" in message
    wide = pvt(widths=(16, 32, 80, 128), depths=(1, 1, 1, 1))
    assert "a PVTv2 of unknown size; give --into" in refused(wide, tmp_path)
    assert "holds none of the known encoders" in refused({"a.weight": np.ones(3)}, tmp_path)
    assert "--into vgg: unknown; choose pvt_v2_tiny, " in fails("import-weights", pvt_file, "--into", "vgg", *out)
    assert "pvt_v2_tiny has no presets" in fails("import-weights", pvt_file, "--preset", "tiny", *out)
    assert "2 files: give one, or --into" in fails("import-weights", pvt_file, resnet_file, *out)
    twice = fails("import-weights", pvt_file, pvt_file.parent / "pvt.safetensors", "--into", "pvt_v2_tiny", *out)
    assert "give one of them" in twice


def test_damaged_and_foreign_files(pvt_file, tmp_path):
    whole = pvt_file.read_bytes()
    contents = {
        "cut.safetensors": whole[:-100],
        "header.safetensors": whole[:50],
        "empty.safetensors": b"",
        "noise.safetensors": os.urandom(300),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        message = fails("import-weights", tmp_path / name, "--out", tmp_path / "out")
        assert f"{name}: damaged, or not a safetensors file" in message
    assert "no such file" in fails("import-weights", tmp_path / "none.pth", "--out", tmp_path / "out")
    (tmp_path / "weights.onnx").write_bytes(whole)
    assert "weights.onnx: unknown kind of weights; give .safetensors, .pth" in fails(
        "import-weights", tmp_path / "weights.onnx", "--out", tmp_path / "out"
    )
    assert not (tmp_path / "out").exists()


def test_pickles_run_no_code(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    tensors = {name: torch.from_numpy(value) for name, value in pvt(**PVT_TINY).items()}
    torch.save({**tensors, "trap": Trap()}, tmp_path / "trap.pth")
    message = fails("import-weights", tmp_path / "trap.pth", "--out", tmp_path / "out")
    assert "trap.pth: damaged, or it contains Python objects besides tensors, which are never loaded" in message
    assert not (tmp_path / "sprung").exists()
    torch.save(tensors, tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    for cut in (0, 10, len(content) // 2, len(content) - 10):
        (tmp_path / "cut.pth").write_bytes(content[:cut])
        assert "cut.pth: damaged" in fails("import-weights", tmp_path / "cut.pth", "--out", tmp_path / "out")
    torch.save([1, 2], tmp_path / "list.pth")
    assert "list.pth: contains no tensors" in fails("import-weights", tmp_path / "list.pth", "--out", tmp_path / "out")


def test_own_weights_that_are_damaged(pvt_file, tmp_path):
    out = tmp_path / "out"
    assert run("import-weights", pvt_file, "--out", out).code == 0
    assert "already exists" in fails("import-weights", pvt_file, "--out", out)
    file, card = out / "pvt_v2_tiny.weights.h5", out / "pvt_v2_tiny.json"
    content = card.read_text()
    for changed, words in (
        (content.replace('"format": 1', '"format": 9'), "format 9, this version reads 1"),
        (content.replace("pvt_v2_tiny", "pvt_v2_grand"), "unknown model 'pvt_v2_grand'"),
        (content[:40], "pvt_v2_tiny.json: not the card of the weights beside it"),
    ):
        card.write_text(changed)
        with pytest.raises(ValueError, match=words):
            PVTv2("tiny", weights=out)
    card.write_text(content)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match="another SHA-256: damaged"):
        PVTv2("tiny", weights=out)
    card.unlink()
    with pytest.raises(ValueError, match="not weights of pvt_v2_tiny"):
        PVTv2("tiny", weights=file)
    assert "pvt_v2_tiny.json is not beside it" in fails("import-weights", file, "--out", tmp_path / "again")
