"""Model files from others: whatever was put into them, no code runs, nothing is written, and one line says why."""

import contextlib
import io
import json
import random
import shutil
import stat
import zipfile

import h5py
import keras
import numpy as np
import pytest

import cafct_keras
from cafct_keras.errors import UserError
from tests.training.micro import micro

ran = []


@keras.saving.register_keras_serializable("elsewhere")
class Foreign(keras.layers.Layer):
    def __init__(self, **kwargs):
        ran.append("a foreign class")
        super().__init__(**kwargs)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "good.keras"
    micro(input_shape=(None, None, 3), classes=1, prior=0.1).save(path)
    return path


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path, members, **kwargs):
    """A `.keras` file of (name or ZipInfo, content) pairs."""
    with zipfile.ZipFile(path, "w", **kwargs) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def refused(path, words):
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(UserError, match="not a model that this version reads") as raised:
        cafct_keras.load_model(path)
    assert words in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
    assert sorted(path.parent.rglob("*")) == before
    assert not ran
    return str(raised.value)


@pytest.mark.backends
def test_a_good_file_loads_compiled_or_not(good, tmp_path):
    model = cafct_keras.load_model(good)
    images = np.random.default_rng(0).random((2, 32, 32, 3), "float32")
    expected = model.predict(images, verbose=0)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 10**9)), "mse")
    model.save(tmp_path / "again.keras")
    again = cafct_keras.load_model(tmp_path / "again.keras")
    np.testing.assert_array_equal(again.predict(images, verbose=0), expected)
    assert not again.compiled


def with_layer(good, tmp_path, layer):
    """The good file with one more layer in its configuration, made before any other."""
    members = members_of(good)
    config = json.loads(members["config.json"])
    config["config"]["layers"].insert(0, {"name": "evil", "inbound_nodes": [], **layer})
    members["config.json"] = json.dumps(config)
    return packed(tmp_path / "evil.keras", members.items())


def lambda_of(module, function, **arguments):
    function = {"class_name": "function", "config": function, "module": module, "registered_name": function}
    config = {"name": "evil", "function": function, "arguments": arguments}
    return {"class_name": "Lambda", "module": "keras.layers", "registered_name": None, "config": config}


def test_lambda_layer(good, tmp_path):
    image = keras.Input((32, 32, 3))
    keras.Model(image, keras.layers.Lambda(lambda x: ran.append("a lambda") or x, name="evil")(image)).save(
        tmp_path / "model.keras"
    )
    ran.clear()
    assert "keras.layers.Lambda, which may run code" in refused(tmp_path / "model.keras", "Lambda")


def test_a_function_of_another_module(good, tmp_path):
    """CVE-2025-1550."""
    marker = tmp_path / "marker"
    refused(with_layer(good, tmp_path, lambda_of("subprocess", "Popen", args=["touch", str(marker)])), "Lambda")
    assert not marker.exists()
    layer = {"class_name": "Popen", "module": "subprocess", "registered_name": None, "config": {"args": ["true"]}}
    refused(with_layer(good, tmp_path, layer), "subprocess.Popen")


def test_a_function_of_keras_that_writes_files(good, tmp_path):
    """CVE-2025-8747."""
    (tmp_path / "source").write_text("evil")
    arguments = {"origin": f"file://{tmp_path}/source", "cache_dir": str(tmp_path), "fname": "stolen"}
    refused(with_layer(good, tmp_path, lambda_of("keras.utils", "get_file", **arguments)), "Lambda")
    function = {"class_name": "function", "config": "get_file", "module": "keras.utils", "registered_name": "get_file"}
    activation = {
        "class_name": "Activation",
        "module": "keras.layers",
        "registered_name": None,
        "config": {"name": "evil", "activation": function},
    }
    refused(with_layer(good, tmp_path, activation), "keras.utils.function")


@pytest.mark.parametrize(
    "layer",
    [
        {"class_name": "Foreign", "module": None, "registered_name": "elsewhere>Foreign", "config": {}},
        {"class_name": "Foreign", "module": __name__, "registered_name": "cafct_keras>Foreign", "config": {}},
        {"class_name": "Foreign", "module": "keras.layers", "registered_name": "elsewhere>Foreign", "config": {}},
        {"class_name": "Dense", "module": "keras.layers", "registered_name": "elsewhere>Foreign", "config": {}},
        {"class_name": "Foreign", "config": {}},
        {
            "class_name": "function",
            "module": "os",
            "registered_name": "cafct_keras>StochasticDepth",
            "config": "system",
        },
        {"class_name": "__lambda__", "config": {"value": "code"}},
        {"class_name": "TFSMLayer", "module": "keras.layers", "config": {"filepath": "/tmp"}},
        {"class_name": "TorchModuleWrapper", "module": "keras.layers", "config": {"module": "code"}},
        {"class_name": "StringLookup", "module": "keras.layers", "config": {"vocabulary": "/etc/passwd"}},
        {"class_name": "TimeDistributed", "module": "keras.layers", "config": {}},
        {"class_name": ["Dense"], "module": "keras.layers", "config": {}},
    ],
)
def test_classes_that_are_not_on_the_list(good, tmp_path, layer):
    assert "which may run code or is unknown here" in refused(with_layer(good, tmp_path, layer), "it asks for")


def test_unsafe_things_deep_inside(good, tmp_path):
    evil = {"class_name": "__lambda__", "config": {"value": "code"}}
    for place in ("build_config", "config", "anything"):
        layer = {"class_name": "ReLU", "module": "keras.layers", "config": {"name": "evil"}}
        refused(with_layer(good, tmp_path, {**layer, place: {"a": [[{"b": evil}]]}}), "__lambda__")
    deep = '{"class_name": "Functional", "config": ' + "[" * 100_000 + "]" * 100_000 + "}"
    refused(packed(tmp_path / "deep.keras", {**members_of(good), "config.json": deep}.items()), "recursion")


def test_members_that_do_not_belong_there(good, tmp_path):
    members = list(members_of(good).items())
    link = zipfile.ZipInfo("model.weights.h5")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    for name in ("../outside.txt", "/tmp/outside.txt", "assets/../../outside.txt", "assets/vocabulary.txt"):
        refused(packed(tmp_path / "evil.keras", [*members, (name, "evil")]), f"it holds {name}"[:12])
    refused(packed(tmp_path / "evil.keras", [*members[:2], (link, "/etc/passwd")]), "is a link")
    with pytest.warns(UserWarning, match="Duplicate"):
        packed(tmp_path / "evil.keras", [*members, members[0]])
    refused(tmp_path / "evil.keras", "once each")
    refused(packed(tmp_path / "evil.keras", members[:2]), "once each")


def test_archive_bombs(good, tmp_path):
    members = members_of(good)
    for victim in ("config.json", "model.weights.h5"):
        grown = {**members, victim: members[victim] + b" " * (1 << 24)}
        path = packed(tmp_path / "bomb.keras", grown.items(), compression=zipfile.ZIP_DEFLATED)
        assert path.stat().st_size < 1 << 20
        refused(path, "is compressed")
    refused(packed(tmp_path / "bomb.keras", members.items(), compression=zipfile.ZIP_DEFLATED), "compressed")
    grown = {**members, "config.json": members["config.json"] + b" " * (1 << 24)}
    refused(packed(tmp_path / "bomb.keras", grown.items()), "config.json has 16,")


def bomb(file):
    file.create_dataset("bomb", (1 << 30, 1 << 10), "float32", compression="gzip", chunks=(1 << 10, 1 << 10))


def sparse(file):
    file.create_dataset("bomb", (1 << 30, 1 << 10), "float32")


def virtual(file):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("stolen", layout)


@pytest.mark.parametrize(
    "change",
    [
        bomb,
        sparse,
        virtual,
        lambda file: file.__setitem__("stolen", h5py.ExternalLink("/etc/passwd", "x")),
        lambda file: file.__setitem__("elsewhere", h5py.SoftLink("/layers")),
        lambda file: file.create_dataset("stolen", (4,), "uint8", external=[("/etc/passwd", 0, 4)]),
    ],
    ids=["compressed", "never written", "virtual", "external link", "soft link", "external storage"],
)
def test_weights_that_are_not_in_the_file(good, tmp_path, change):
    members = members_of(good)
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        change(file)
    members["model.weights.h5"] = weights.getvalue()
    refused(packed(tmp_path / "evil.keras", members.items()), "its weights")


def test_groups_that_hold_each_other(good, tmp_path):
    members = members_of(good)
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        file["layers"]["again"] = file["layers"]
    members["model.weights.h5"] = weights.getvalue()
    assert cafct_keras.load_model(packed(tmp_path / "round.keras", members.items())).name == "micro"


def test_files_that_are_something_else(good, tmp_path):
    (tmp_path / "text.keras").write_text("not a model")
    refused(tmp_path / "text.keras", "zip")
    shutil.copy(good, tmp_path / "model.h5")
    with pytest.raises(UserError, match="give a run folder with"):
        cafct_keras.load_model(tmp_path / "model.h5")
    for config in ("", "[]", "{}", "null", '{"config": 1}', '{"class_name": "Functional"}'):
        refused(packed(tmp_path / "odd.keras", {**members_of(good), "config.json": config}.items()), "")


def test_damaged_files_are_told_as_such(good, tmp_path):
    dice = random.Random(0)
    content = good.read_bytes()
    for number in range(30):
        damaged = bytearray(content)
        if number % 2:
            damaged[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        else:
            del damaged[dice.randrange(len(content)) :]
        (tmp_path / "damaged.keras").write_bytes(damaged)
        with contextlib.suppress(UserError):
            cafct_keras.load_model(tmp_path / "damaged.keras")
            assert number % 2  # a bit in a field that nobody reads
