"""`cafct-keras benchmark`."""

import json

import click


@click.command()
@click.argument("task", type=click.Choice(["train", "predict", "data"]))
@click.option("--model", default="cafct_net", show_default=True, help="The network.")
@click.option("--preset", help="Size of the network: tiny, small, base or large.  [default: base]")
@click.option("--batch-size", type=click.IntRange(1), default=8, show_default=True, help="Images a step.")
@click.option("--size", type=int, default=256, show_default=True, help="Height and width in pixels.")
@click.option("--precision", default="float32", show_default=True, help="float32, mixed_bfloat16 or mixed_float16.")
@click.option("--repeats", type=click.IntRange(1), default=10, show_default=True, help="Timed steps.")
@click.option("--data", "folder", default="phantom", show_default=True, help="Of benchmark data: phantom or a folder.")
@click.option("--layout", help="Of benchmark data.  [default: found by looking]")
@click.option("--target", default="lesion", show_default=True, help="Of benchmark data.")
@click.option("--cache", default="ram", show_default=True, help="Of benchmark data: ram, or none for a file.")
@click.option("--augment", is_flag=True, help="Of benchmark data: all augmentation.")
@click.option("--json", "as_json", is_flag=True, help="JSON on the last line.")
def benchmark(task, folder, layout, target, cache, augment, as_json, **options):
    """Time a network's step on synthetic arrays, without TensorFlow, or the data that come to it."""
    if task == "data":
        from pipelines.loading.benchmark import measure, table

        chosen = {name: options[name] for name in ("size", "batch_size")}
        report = measure(folder, layout=layout, target=target, cache=cache, augment=augment, **chosen)
    else:
        from cafct_keras.benchmark import benchmark as measure
        from cafct_keras.benchmark import table

        report = measure(task, **options)
    click.echo(table(report))
    if as_json:
        click.echo(json.dumps(report))
