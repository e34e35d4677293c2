"""`cafct-keras info`."""

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON on the last line.")
def info(as_json):
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
        click.echo(json.dumps(report))
