"""Progressive resizing: first epochs at a smaller size."""

from unittest import mock

import pytest

from cafct_keras.training import loop
from tests.cli import fails, run
from tests.trained import write_folder
from tests.training import micro  # noqa: F401  (registers the network)

RECIPE = ("--target", "liver", "--model", "micro", "--size", 64, "--batch-size", 4, "--epochs", 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "slices", cases=5, slices=2, size=64)


def test_first_epochs_are_smaller_and_never_the_best(folder, tmp_path):
    """A score at another size is another score."""
    sizes, evaluated, validated = [], [], []
    training_stream, evaluation_stream = loop.training_stream, loop.evaluation_stream
    evaluate = loop.TrainingLoop.evaluate

    def recorded(slices, **options):
        sizes.extend([slices.images.shape[1:]] * (options["steps"] - options["start_step"]))
        return training_stream(slices, **options)

    def recorded_too(slices, **options):
        evaluated.append(slices.images.shape[1:])
        return evaluation_stream(slices, **options)

    def worse_each_time(self, part, callbacks=()):
        if part != "validation":
            return evaluate(self, part, callbacks)
        scores = evaluate(self, part, callbacks)
        validated.append(None)
        return {name: value if "dice" not in name else 1 / len(validated) for name, value in scores.items()}

    with (
        mock.patch.object(loop, "training_stream", recorded),
        mock.patch.object(loop, "evaluation_stream", recorded_too),
        mock.patch.object(loop.TrainingLoop, "evaluate", worse_each_time),
    ):
        result = run(
            "fit",
            "--data",
            folder,
            *RECIPE,
            "--first-size",
            32,
            "--first-epochs",
            2,
            "--out",
            tmp_path / "run",
            "--json",
        )
    assert result.code == 0, result
    assert "32x32 for 2 epochs, then 64x64" in result.error
    steps = len(sizes) // 4
    assert steps > 0
    assert sizes == [(32, 32)] * 2 * steps + [(64, 64)] * 2 * steps
    # After each epoch, and both parts at the end.
    assert evaluated == [(32, 32)] * 2 + [(64, 64)] * 4
    assert result.json["best_epoch"] == 3
    assert result.json["preprocessing"]["size"] == 64


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--first-size", 48, "--first-epochs", 1), "--first-size 48: must be a multiple of 32"),
        (("--first-size", 32), "--first-size and --first-epochs: give both or neither"),
        (("--first-size", 64, "--first-epochs", 1), "--first-size 64: must be less than --size, 64"),
        (("--first-size", 32, "--first-epochs", 4), "--first-epochs 4: must be fewer than --epochs"),
    ],
)
def test_first_sizes_that_cannot_be(folder, options, words):
    assert words in fails("fit", "--data", folder, *RECIPE, *options)
