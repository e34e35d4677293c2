"""Command lines, data sets, models and run folders that are wrong in random ways.

    python -m pytest tests/fuzz                                  # a minute, always the same
    FUZZ_EXAMPLES=60 python -m pytest -n 0 tests/fuzz            # an hour; FUZZ_COLLECT=1 goes on after a bad outcome

What is wrong is either refused in one line or has no effect. A traceback, a hang, more than 4 GB of memory, a clean
verdict on damaged data, and output that is left after a refusal are bad outcomes. The summary counts them.
"""
