"""`cafct-keras info`."""

import click

from cafct_keras.cli.shared import echo_json, json_option


@click.command()
@json_option("The same")
def info(as_json: bool) -> None:
    """Show versions, backend and devices."""
    from cafct_keras.runtime.devices import environment, unused_gpu

    report = {**environment(), "warning": unused_gpu()}
    for name, version in report["versions"].items():
        click.echo(f"{name:15s} {version}")
    click.echo(f"{'backend':15s} {report['backend']}")
    for device in report["devices"]:
        click.echo(f"{'device':15s} {device}")
    if report["warning"]:
        click.echo(f"warning: {report['warning']}", err=True)
    if as_json:
        echo_json(report)
