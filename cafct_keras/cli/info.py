"""`cafct-keras info`."""

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.shared import echo_json, json_option, say


@click.command(cls=CheckedCommand)
@json_option("versions, backend and devices")
def info(as_json: bool) -> None:
    """Show versions, backend and devices."""
    from cafct_keras.runtime.devices import environment, unused_gpu

    report = {**environment(), "warning": unused_gpu()}
    for name, version in report["versions"].items():
        say(f"{name:15s} {version}")
    say(f"{'backend':15s} {report['backend']}")
    for device in report["devices"]:
        say(f"{'device':15s} {device}")
    if report["warning"]:
        say(f"warning: {report['warning']}", err=True)
    if as_json:
        echo_json(report)
