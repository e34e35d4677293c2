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
PROGRESS_FILE = "progress.json"
SUMS_FILE = "SHA256SUMS"
