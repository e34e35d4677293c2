"""A trained model with the card of its run."""

import dataclasses
import functools
import pathlib
from typing import Any

from cafct_keras.errors import UserError
from cafct_keras.runs.card import read_run, write_card
from cafct_keras.runs.choice import Choice
from cafct_keras.runs.config import FitConfig
from cafct_keras.runs.contents import check_model, foreign_files
from cafct_keras.runs.files import MODEL_FILE, RUN_FILE
from cafct_keras.runs.hub import resolve
from cafct_keras.runs.lock import lock
from cafct_keras.runs.preprocessing import preprocessing_of
from cafct_keras.runs.published import Published, open_published
from pipelines import DataError, Source, open_source
from pipelines.documents import parse_json
from pipelines.folds import with_fold
from pipelines.preprocessing import Preprocessing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A trained model and how it was trained.

    Attributes:
        path: the run folder, a `.keras` file in it, or the published model.
        card: see `read_run`.
        published: the model; None for a run folder.
    """

    path: pathlib.Path
    card: dict[str, Any]
    published: Published | None = None

    @classmethod
    def open(cls, path: str | pathlib.Path) -> "Run":
        """Finds the card of a run folder, of a `.keras` file that lies in one, or of a published model.

        Args:
            path: see `load_model`.

        Raises:
            UserError: there is none; without it the input of the model is unknown.
            ForeignFileError: the model is not that of the run.
        """
        path = folder = resolve(path)
        if (published := open_published(path)) is not None:
            return cls(path=path, card=published.card, published=published)
        if path.suffix == ".keras" and path.is_file():
            folders = [each for each in path.resolve().parents[:2] if (each / RUN_FILE).is_file()]
            if not folders:
                raise UserError(
                    f"{path}: no {RUN_FILE} beside it, which says for what size, window and target it was trained; "
                    "give the folder of its run"
                )
            folder = folders[0]
        card = read_run(folder)
        file = folder / MODEL_FILE if path.is_dir() else path
        if file.is_file():
            check_model(file, folder, card)
        return cls(path=path, card=card)

    @property
    def name(self) -> str:
        """Name in reports: that of its folder, or of the published model."""
        if self.published is not None:
            return self.published.name
        path = self.path.resolve()
        return f"{path.parent.name}/{path.name}" if path.is_file() else path.name

    @functools.cached_property
    def config(self) -> FitConfig:
        """What the run was trained with."""
        try:
            return FitConfig.from_dict(self.card["config"])
        except UserError as error:
            raise UserError(f"{self.path}: its {RUN_FILE} states what this version does not know: {error}") from error

    @functools.cached_property
    def preprocessing(self) -> Preprocessing:
        """How its network sees slices."""
        return preprocessing_of(self.card, self.path)

    @functools.cached_property
    def choice(self) -> Choice | None:
        """The threshold and post-processing that were chosen for it; None if none were."""
        return Choice.from_dict(self.card["choice"]) if "choice" in self.card else None

    def keep(self, choice: Choice) -> None:
        """Writes a choice into the run's card; training that is resumed removes it.

        Raises:
            UserError: the run is being trained, or is published.
        """
        if self.published is not None:
            raise UserError(f"`keep`: {self.path} is published and does not change; give the run, and publish it again")
        with lock(self.path):
            # What an older version wrote is read as it is now, and stays as it was.
            card = parse_json((self.path / RUN_FILE).read_bytes())
            write_card(self.path, {**card, "choice": choice.to_dict()})

    @property
    def warnings(self) -> list[str]:
        """What is doubtful about it, a line each."""
        status = self.card.get("status")
        unfinished = [] if status == "finished" else [f"its training is not finished (status: {status})"]
        return unfinished + (foreign_files(self.path, self.card, models=False) if self.path.is_dir() else [])

    @property
    def targets(self) -> tuple[str, ...]:
        """Targets of the output channels, in order."""
        return tuple(self.card["data"]["targets"])

    def open_data(self, data: str | pathlib.Path | None = None, **reading: Any) -> Source:
        """Opens data to evaluate or predict.

        Args:
            data: see `open_source`; None for the data that the run was trained on.
            **reading: how to read the folder, see `open_source`. For the data that the run was trained on, what is not
                given is as in training.

        Raises:
            UserError: the data that the run was trained on are gone.
            DataError: see `open_source`; or there are no masks of a target.
        """
        trained_on = self.config.data
        given = data is not None
        if data is None:
            data = trained_on.path
            reading = {name: reading.get(name) or value for name, value in trained_on.reading.items()}
            if data != "phantom" and not pathlib.Path(data).is_dir():
                raise UserError(f"{self.path}: {data}, which it was trained on, does not exist; give `data`")
        source = open_source(data, target=trained_on.target, size=trained_on.size, **reading)
        if given and trained_on.fold and source.fingerprint() == self.card["data"]["fingerprint"]:
            source = with_fold(source, trained_on.fold)  # the same data, by whatever path
        if missing := [target for target in self.targets if target not in source.targets]:
            raise DataError(
                f"{data}: no {missing[0]} masks, which {self.path} predicts, only {', '.join(source.targets)}; "
                "give other `data`"
            )
        return source
