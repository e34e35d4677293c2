"""JSON schema of `evaluation.json` (draft 2020-12), for programs that read it without this package.

It does not forbid unknown fields, because some may be added without a new format.
"""
