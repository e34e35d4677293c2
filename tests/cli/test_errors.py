import pytest

from cafct_keras.cli import cli
from cafct_keras.cli.errors import as_options
from tests.cli import fails


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("`model_options` 3: give NAME=VALUE", "--model-option 3: give NAME=VALUE"),
        ("`batch_size` 0 with `beam_options`", "--batch-size 0 with --beam-option"),
        ("trained with `validation` off", "trained with --no-validation"),
        ("`size` off by one", "--size off by one"),
        ("`spam` is no argument", "spam is no argument"),
        ("no arguments", "no arguments"),
    ],
)
def test_arguments_in_backticks_become_options(message, expected):
    assert as_options(message, cli) == expected


def test_a_mistake_is_one_line_and_debug_shows_where(tmp_path):
    call = ("benchmark", "predict", "--precision", "float8")
    assert fails(*call).startswith("cafct-keras: --precision float8: unknown; choose float32")
    with pytest.raises(ValueError, match="`precision` float8"):
        fails(*call, "--debug")
