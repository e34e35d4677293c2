"""The paper's tables anew: every system by one recipe on one split, scored by every rule, restartable."""

from cafct_keras.reproduction.systems import TABLES
from cafct_keras.reproduction.table import CompareOptions, compare

__all__ = ["TABLES", "CompareOptions", "compare"]
