"""Output that `evaluate` and `score` share: tables, the report folder, the exit code."""

import contextlib
import json
import sys

import click


def report_folder(out):
    """Context of the folder that a report is written to, None without one."""
    from pipelines.atomic import atomic_directory

    return contextlib.nullcontext() if out is None else atomic_directory(out)


def report(evaluation, folder):
    """Shows an evaluation, and writes it to a folder if there is one."""
    from cafct_keras.evaluation import console
    from cafct_keras.runtime.console import make_console

    if folder:
        from cafct_keras.evaluation.writing import write_evaluation

        write_evaluation(evaluation, folder)
    for warning in evaluation.document.data.warnings:
        click.echo(f"warning: {warning}", err=True)
    output = make_console()
    output.print(console.summary(evaluation.as_json))
    if evaluation.document.comparison:
        output.print(console.comparison(evaluation.as_json))


def finish(documents, out, as_json):
    """Last lines, and the exit code: 1 if something could not be scored."""
    if out:
        click.echo(
            f"{out}: report.html, evaluation.json, cases.csv, slices.csv" + (" for each run" * (len(documents) > 1))
        )
    failures = [failure for document in documents for failure in document["failures"]]
    for message in dict.fromkeys(failure["message"] for failure in failures):
        click.echo(f"not scored: {message}", err=True)
    if as_json:
        click.echo(json.dumps(as_json))
    sys.stdout.flush()
    return 1 if failures else 0
