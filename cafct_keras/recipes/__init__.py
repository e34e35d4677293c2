"""Training configurations as TOML files: those that ship with the package, and a user's own.

`paper.toml` and `phantom.toml` are the defaults for a folder and for the phantom. `msd_liver_1.toml`,
`msd_liver_2.toml`, `lits_liver.toml`, `lits_lesion_1.toml` and `lits_lesion_2.toml` train on real slices. A file with a
model's name is the recipe that the model's authors published, in their paper or else in their code, without the number
of epochs (an epoch of theirs is another amount of data), weights from ImageNet, and what the file itself says; values
that it leaves out are those of `paper.toml`.
"""

import functools
import pathlib
import tomllib
from importlib import resources

from cafct_keras.errors import UserError
from cafct_keras.runs.config import FitConfig
from pipelines.atomic import atomic_write_text


def list_recipes() -> list[str]:
    """Names of the recipes that ship with the package."""
    files = resources.files(__package__).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_config(name: str) -> FitConfig:
    """Reads a configuration.

    Args:
        name: of a recipe that ships with the package, or path of a TOML file.

    Raises:
        UserError: there is no such recipe or file, it is not TOML, or a key or value is not one of a `FitConfig`; the
            message names file and key.
    """
    if name in list_recipes():
        return _shipped(name)
    path = pathlib.Path(name)
    try:
        return _read(str(path), path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"`config` {name}: no such file or recipe; choose {', '.join(list_recipes())}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"`config` {name}: cannot be read ({error})") from error


def save_config(config: FitConfig, path: str | pathlib.Path) -> None:
    """Writes a configuration as a TOML file that `load_config` reads; TOML has no null, so what is None is left out."""
    import tomli_w

    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(path, tomli_w.dumps(_without_none(config.to_dict())))


@functools.cache
def _shipped(name: str) -> FitConfig:
    file = f"{name}.toml"
    return _read(file, (resources.files(__package__) / file).read_text(encoding="utf-8"))


def _read(file: str, text: str) -> FitConfig:
    try:
        return FitConfig.from_dict(tomllib.loads(text))
    except ValueError as error:  # TOML's, or a value's
        raise UserError(f"{file}: {error}") from error


def _without_none(values: dict) -> dict:
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }
