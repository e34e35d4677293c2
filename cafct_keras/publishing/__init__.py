"""Publishing of trained networks: folders for a model hub, see `cafct_keras.runs.published`."""

from cafct_keras.publishing.facts import Facts
from cafct_keras.publishing.publish import publish

__all__ = ["Facts", "publish"]
