"""Published models by name, and on the Hugging Face Hub."""

import functools
import os
import pathlib
import re

from cafct_keras.checksums import SUMS_FILE
from cafct_keras.errors import UserError
from cafct_keras.pretrained.registry import list_pretrained
from cafct_keras.runs.files import CONFIG_FILE, MODEL_CARD_FILE, WEIGHTS_FILES
from cafct_keras.runs.published import open_published
from pipelines.optional import optional

# `pathlib` makes one slash of two, and a backslash on Windows.
_HUB = re.compile(r"hf://?(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


def resolve(path: str | os.PathLike[str]) -> pathlib.Path:
    """The local path of a model.

    Args:
        path: a path, or `hf://OWNER/NAME`, with `@REVISION` or without: a published model that is downloaded from the
            Hugging Face Hub into its own cache, once. The variables `HF_HOME`, `HF_TOKEN` and `HF_HUB_OFFLINE` have
            their usual effects. Where there is no such file or folder, the name of a model, see
            `cafct_keras.list_pretrained`.

    Raises:
        UserError: it cannot be downloaded, is not the address of a model, or is not the model that is registered.
        MissingPackageError: the package for the Hub is missing.
    """
    text = os.fspath(path)
    if not re.match(r"hf:[/\\]", text):
        local = pathlib.Path(path)
        return local if local.exists() or local.name != text or local.suffix else _registered(text)
    text = text.replace("\\", "/")
    if (found := _HUB.fullmatch(text)) is None:
        raise UserError(f"{text}: not the address of a model; give hf://OWNER/NAME or hf://OWNER/NAME@REVISION")
    return _download(found["repository"], found["revision"])


def _registered(name: str) -> pathlib.Path:
    entries = list_pretrained()
    if (entry := entries.get(name)) is None:
        raise UserError(f"{name}: no such run, nor a model of that name; names are {', '.join(sorted(entries))}")
    published = open_published(path := resolve(entry.model))
    if published is None:
        raise UserError(f"{entry.name}: no published model at {entry.model}, where its registry says; restore it")
    if published.sums_digest != entry.sha256:
        raise UserError(
            f"{entry.name}: {entry.model} is not the model that is registered (its {SUMS_FILE} differs); restore it, "
            "or correct `sha256` in the registry"
        )
    return path


@functools.cache
def _download(repository: str, revision: str | None) -> pathlib.Path:
    with optional(f"hf://{repository}", extra="hub"):
        import huggingface_hub

    described = [CONFIG_FILE, SUMS_FILE, MODEL_CARD_FILE]
    try:
        for weights in WEIGHTS_FILES.values():  # the first that is there
            folder = pathlib.Path(
                huggingface_hub.snapshot_download(
                    repository, revision=revision, allow_patterns=[*described, weights], library_name="cafct-keras"
                )
            )
            if (folder / weights).is_file():
                break
    except Exception as error:  # of the network, the server, the name or the cache
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"hf://{repository}: cannot be downloaded ({reason}); check the name and the network, or give a folder"
        ) from error
    return folder
