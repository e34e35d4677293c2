"""JSON schemas of `evaluation.json` and `comparison.json` (draft 2020-12), for programs that read them by themselves.

They do not forbid unknown fields, because some may be added without a new format.
"""
