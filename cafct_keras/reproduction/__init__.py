"""The paper's tables anew: every system by one recipe on one split, scored by every rule, restartable."""

from cafct_keras.reproduction.comparing import CompareOptions, compare
from cafct_keras.reproduction.systems import TABLES

__all__ = ["TABLES", "CompareOptions", "compare"]
