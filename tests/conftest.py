import os
import pathlib

import pytest

import cafct_keras  # noqa: F401  (chooses the backend before any test imports Keras)

# Two workers and three backends share the cores: one thread pool each would only fight.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Finished runs for every test that needs one, and the network that `tests.training.micro` registers.
pytest_plugins = ["tests.memory", "tests.trained", "tests.evaluating", "tests.training.micro"]

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared():
    """The folder of reference data beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"no reference data: {SHARED} is absent")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def only_keras():
    """Lets `auto` choose Keras, since converting a network takes longer than most tests; tests/engines undoes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cafct_keras.engines.choice.RUNTIMES", ())
        yield
