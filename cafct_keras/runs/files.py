"""Names of the files in a run folder."""

import pathlib

RUN_FILE = "run.json"
MODEL_FILE = "model.keras"
SPLIT_FILE = "split.csv"
HISTORY_FILE = "history.csv"
EVENTS = "events"
CURVES_FILE = "curves.png"
SAMPLES_FILE = "samples.png"

CHECKPOINTS = "checkpoints"
LAST_MODEL = pathlib.PurePosixPath(CHECKPOINTS, "last.keras")

# In the folder of a checkpoint.
STATE_FILE = "state.npz"
RUN_ID_FILE = "run.txt"
PROGRESS_FILE = "progress.json"

# In a published folder, along with `SHA256SUMS`; weights by their precision, those that are preferred first.
CONFIG_FILE = "config.json"
WEIGHTS_FILES = {"float32": "model.safetensors", "float16": "model.fp16.safetensors"}
MODEL_CARD_FILE = "README.md"
