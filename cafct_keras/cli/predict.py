"""`cafct-keras predict`."""

import sys
from pathlib import Path
from typing import Any

import click

from cafct_keras.cli.lazy import CheckedCommand
from cafct_keras.cli.sections import SectionOption
from cafct_keras.cli.shared import (
    POSTPROCESSING,
    beam_option,
    echo_json,
    explained,
    json_option,
    postprocessing_options,
    quiet_option,
    reading_options,
    say,
    smoothing_option,
)


@click.command(cls=CheckedCommand)
@click.argument("runs", metavar="[RUN ...]", nargs=-1)
@click.option(
    "--input",
    "inputs",
    required=True,
    multiple=True,
    metavar="PATH",
    help="A scan (NIfTI, NRRD, MetaImage, PNG, a folder of DICOM slices) or a folder of scans; may be repeated.",
)
@reading_options(masks=False)
@click.option("--out", required=True, metavar="DIR", help="Folder for the masks; with results in it, the job resumes.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    metavar="nifti|nrrd|metaimage|png|dicom-seg",
    help="Format of the masks; may be repeated.  [default: that of the scan]",
)
@click.option("--probability", is_flag=True, help="Write probabilities too.")
@click.option("--preview", is_flag=True, help="Write a picture of each case, in OUT/previews.")
@click.option(
    "--measurements",
    is_flag=True,
    help="Write volumes, tumour burden, and size and place of each lesion: measurements.json, .csv and lesions.csv.",
)
@click.option("--page", is_flag=True, help="Write cases.html, to scroll through the slices with their outlines.")
@click.option(
    "--threshold",
    type=float,
    metavar="NUMBER",
    help="Probability above which a pixel is foreground.  [default: what evaluate --keep chose, else 0.5]",
)
@smoothing_option("what evaluate --keep kept, else 0")
@postprocessing_options(["none"], "Leave out the post-processing that evaluate --keep chose.")
@click.option(
    "--within",
    cls=SectionOption,
    section=POSTPROCESSING,
    metavar="RUN",
    help="Keep lesions inside the liver that another run predicts.",
)
@click.option("--tta", is_flag=True, help="Average over the flips that the run was augmented with.")
@click.option(
    "--engine",
    default="auto",
    show_default=True,
    metavar="auto|keras|onnx|openvino",
    help="What computes the network; auto: on a CPU the fastest one installed that agrees with Keras.",
)
@click.option(
    "--precision",
    default="auto",
    show_default=True,
    metavar="auto|float32|bfloat16",
    help="auto: bfloat16 where the CPU has it and it keeps the Dice of the run's validation slices.",
)
@click.option("--batch-size", type=click.IntRange(1), default=8, show_default=True, help="Slices per batch.")
@click.option("--keep-going", is_flag=True, help="Leave out scans that cannot be segmented; the exit code is then 1.")
@click.option(
    "--part", metavar="N/ALL", help="Segment this part of the scans only, such as 2/8, in one of several jobs."
)
@beam_option()
@click.option("--overwrite", is_flag=True, help="Replace results of other settings in OUT.")
@quiet_option()
@json_option("predict.json")
def predict(
    runs: tuple[str, ...],
    postprocessing: Any,
    part: str | None,
    beam_options: tuple[str, ...],
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Segment scans.

    RUN is a run folder or a published model, by default the one that comes with the package (see models); of several,
    probabilities are averaged. Masks lie on the grid of their scans: 0 is background, 1 liver and 2 lesion, or 1 the
    only target. If interrupted, the same command resumes.
    """
    from cafct_keras.postprocessing import PostProcessing
    from cafct_keras.prediction.job import Part, PredictOptions
    from cafct_keras.prediction.job import predict as segment_scans
    from cafct_keras.pretrained import DEFAULT_MODEL, list_pretrained
    from cafct_keras.runtime.console import make_console

    if not runs:
        say(f"{DEFAULT_MODEL}: {list_pretrained()[DEFAULT_MODEL].summary}")
    none = PostProcessing()
    chosen = PredictOptions(
        runs=runs or (DEFAULT_MODEL,),
        postprocessing={"none": none, none: None}.get(postprocessing, postprocessing),
        part=Part.parse(part) if part else None,
        beam_options=beam_options or None,
        **options,
    )
    document = segment_scans(chosen, console=make_console(), quiet=quiet)
    return report(document, chosen.out, as_json)


def report(document: dict[str, Any], out: str, as_json: bool) -> int:
    """Prints the last lines and returns the exit code, 1 if a scan could not be segmented."""
    cases, failures = document["cases"], document["failures"]
    written = sorted(path.name + "/" * path.is_dir() for path in Path(out).glob("[!.]*"))
    shown = written if len(written) <= 8 else [*written[:6], f"and {len(written) - 6} more"]
    say(f"{out}: {len(cases)} {'case' if len(cases) == 1 else 'cases'}; {', '.join(shown)}")
    for failure in failures:
        message = explained(failure["message"])
        say(f"not segmented: {message}", err=True)
    if as_json:
        echo_json(document)
    sys.stdout.flush()
    return 1 if failures else 0
