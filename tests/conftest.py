import os
import pathlib

import pytest

import cafct_keras  # noqa: F401  (chooses the backend before any test imports Keras)
from cafct_keras.runtime.compilation import cache_compilations

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# As the command line does: most of the tests' time is compiling, a third of which is saved the next time.
cache_compilations()

# Finished runs for every test that needs one, and the network that `tests.training.micro` registers.
pytest_plugins = ["tests.memory", "tests.trained", "tests.evaluating", "tests.training.micro"]

# Folders of the longest files, which come first: a long one at the end would leave one worker without work.
LONG = ("training", "models", "export", "layers", "reproduction")
TESTS = pathlib.Path(__file__).parent

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.relative_to(TESTS).parts[0] not in LONG)


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
