"""Model cards: the `README.md` of a published model, with the metadata that hubs read."""

import functools
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cafct_keras.evaluation.markup import markdown
from cafct_keras.evaluation.metrics.overlap import RULES
from cafct_keras.pages.environment import environment
from cafct_keras.publishing.facts import Facts
from cafct_keras.publishing.run_card import public_card
from cafct_keras.runs.card import training_seconds
from cafct_keras.runs.config import OPTIONS, FitConfig
from cafct_keras.runs.fields import shown
from cafct_keras.runs.files import WEIGHTS_FILES
from cafct_keras.runs.run import Run
from cafct_keras.runtime.durations import duration
from pipelines.preprocessing import Preprocessing

if TYPE_CHECKING:
    from cafct_keras.publishing.publish import Comparison

TAGS = ("medical-imaging", "ct", "liver", "tumor", "segmentation", "keras", "jax")
HEADLINE = ("per_case_positive", "per_case_lits", "per_slice_positive", "pooled")  # rules in the metadata
NETWORKS = {"cafct_net": "CAFCT-Net", "unet": "U-Net", "attention_unet": "Attention U-Net"}
# Of a configuration; what says where data and files are is not the model's, and the rest stands elsewhere in the card.
_LEFT_OUT = ("data", "out", "target", "window", "size", "context", "model", "preset", "init", "weights", "cache")
INTENSITIES = {
    "hu": "Hounsfield units",
    "grey": "8-bit grey",
    "minmax": "8-bit grey, each slice rescaled to its own range",
}


def model_card(
    run: Run,
    facts: Facts,
    documents: Sequence[dict[str, Any]],
    *,
    halved: "Comparison",
    precision: str | None,
    list_patients: bool,
    curves: bool,
) -> str:
    """Renders a model card.

    Args:
        run: of the model.
        facts: about it; `name` is not None.
        documents: its evaluations, see `load_document`.
        halved: its weights in float16 beside those in float32.
        precision: of its weights, see `publish`.
        list_patients: whether to name the patients of each part.
        curves: whether `curves.png` lies beside the card.

    Returns:
        Markdown, with metadata in YAML at its head.
    """
    card = public_card(run.card, list_patients=True)
    seconds = training_seconds(card)
    values = {
        "metadata": _metadata(run, facts, documents),
        "run": run,
        "card": card,
        "seen": run.preprocessing,
        "intensity": _intensity(run.preprocessing),
        "facts": facts,
        "network": " ".join(filter(None, (_network(run), run.config.model.preset and f"`{run.config.model.preset}`"))),
        "targets": {"liver": "the liver", "lesion": "liver lesions"},
        "options": _options(run.config),
        "seconds": seconds,
        "seconds_before": seconds - card.get("seconds", {}).get("total", 0.0),
        "energy": facts.energy(seconds),
        "emissions": facts.emissions(seconds),
        "measured": [
            (part, name, value)
            for part in ("validation", "test")
            for name, value in card.get(part, {}).items()
            if name != "loss" and value is not None
        ],
        "scores": [(markdown(document), _warnings(document, list_patients)) for document in documents],
        "rules": RULES,
        "halved": halved,
        "precision": precision,
        "weights_files": WEIGHTS_FILES,
        "list_patients": list_patients,
        "curves": curves,
    }
    templates = environment("cafct_keras.publishing", autoescape=False)
    json_is_yaml = functools.partial(json.dumps, ensure_ascii=False)
    templates.filters |= {"cell": _cell, "duration": duration, "yaml": json_is_yaml}
    text = templates.get_template("README.md").render(**values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _network(run: Run) -> str:
    name = run.config.model.name
    return NETWORKS.get(name, name)


def _metadata(run: Run, facts: Facts, documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Keys of the hub's model cards and their values."""
    metadata: dict[str, Any] = {"license": facts.license} if facts.license else {}
    metadata |= {
        "library_name": "cafct-keras",
        "pipeline_tag": "image-segmentation",
        "tags": list(dict.fromkeys([*TAGS, *run.targets])),
    }
    emissions = facts.emissions(training_seconds(run.card))
    if emissions is not None:
        metadata["co2_eq_emissions"] = {
            "emissions": round(emissions, 3),  # grams
            "source": "training time x stated mean power x stated carbon intensity",
            "training_type": "fine-tuning" if run.card.get("initial_weights") else "pre-training",
            "hardware_used": run.card["devices"][0],
        }
    if results := [_result(run, facts, document) for document in documents]:
        metadata["model-index"] = [{"name": facts.name, "results": results}]
    return metadata


def _result(run: Run, facts: Facts, document: dict[str, Any]) -> dict[str, Any]:
    """An evaluation in the hub's metadata: the last result's Dice by the rules of `HEADLINE`."""
    data, result = document["data"], document["results"][-1]
    name = facts.data_name or _cell(data["layout"])
    metrics = [
        {"type": "dice", "name": f"Dice of the {target}, {rule}, {result['name']}", "value": round(value, 4)}
        for target, summary in result["summary"]["targets"].items()
        for rule in HEADLINE
        if (value := summary["overlap"][rule]["dice"]["value"]) is not None
    ]
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "data"
    return {
        "task": {"type": "image-segmentation", "name": f"Segmentation of {' and '.join(run.targets)} in CT"},
        "dataset": {"type": slug, "name": name, "split": data["split"]},
        "metrics": metrics,
    }


def _intensity(seen: Preprocessing) -> str:
    if seen.intensity != "grey":
        return INTENSITIES[seen.intensity]
    window = "{:g} to {:g} HU".format(*seen.window) if seen.window_known else "in a window that is not recorded"
    return f"{INTENSITIES['grey']}, {window}"


def _warnings(document: dict[str, Any], list_patients: bool) -> list[str]:
    """Reasons to doubt the scores, without those that name cases unless patients are named too."""
    warnings = document["data"]["warnings"]
    if list_patients:
        return warnings
    names = {
        str(row[column]) for result in document["results"] for row in result["cases"] for column in ("case", "patient")
    }
    return [line for line in warnings if not any(name in re.findall(r"[^\s,;:()]+", line) for name in names)]


def _options(config: FitConfig) -> dict[str, str]:
    """Options of the training that were set, by the name of the option."""
    session = {name for name, place in OPTIONS.items() if place.group == "session"}
    return {
        name: shown(config[name])
        for name in OPTIONS
        if name not in _LEFT_OUT and name not in session and config[name] not in (None, {}, ())
    }


def _cell(text: Any) -> str:
    """Text from elsewhere, in a cell of a table: it ends neither the cell nor the row, and is no markup."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(str(text).split()))
