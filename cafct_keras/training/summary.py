"""Lines on the terminal before and after a run."""

from cafct_keras.runs.files import MODEL_FILE
from cafct_keras.training.progress import duration


def headline(config, card, folder):
    """What is about to be trained, on what and where."""
    split = card["data"]["split"]
    counts = ", ".join(
        f"{name} {part['slices']} slices of {len(part['patients'])} patients" for name, part in split.items()
    )
    data, model, optimizer = config.data, config.model, config.optimizer
    return (
        f"{model.name} {model.preset or 'base'} ({card['parameters']:,} parameters) on {card['data']['layout']}, "
        f"{data.target}, {data.size}x{data.size}: {counts}\n"
        f"{optimizer.name} {optimizer.learning_rate:g}, batch {optimizer.batch_size}, {optimizer.epochs} epochs, "
        f"{card['backend']} on {card['devices'][0]}; run folder {folder}"
    )


def summary(card, folder):
    """What came of it."""
    kept = "best" if card["config"]["data"]["validation"] else "last"
    lines = [f"{kept} epoch {card['best_epoch']}, {duration(card['seconds']['total'])} in all"]
    for part in ("validation", "test"):
        scores = {name: value for name, value in card.get(part, {}).items() if name != "loss"}
        if scores:
            lines.append(f"{part:10s} " + "  ".join(f"{name} {value:.4f}" for name, value in scores.items()))
    return "\n".join([*lines, f"{folder / MODEL_FILE} is ready: cafct_keras.load_model({str(folder)!r})"])
