"""Speed, memory and arithmetic cost of a network."""

from cafct_keras.benchmark.macs import count_macs
from cafct_keras.benchmark.memory import process_peak_memory
from cafct_keras.benchmark.timing import benchmark, table

__all__ = ["benchmark", "count_macs", "process_peak_memory", "table"]
