"""The command line: ``jarvis --help``.

Belongs here: commands, options, help, exit codes. Does not belong here: what a
command does (``commands/``). An error is one line with a remedy; ``-v`` shows
where it happened.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis_dagster.commands.account import account_app, audit_app, token_app
from jarvis_dagster.commands.alerts import alerts_app
from jarvis_dagster.commands.approvals import approvals_app
from jarvis_dagster.commands.autopilot import autopilot_app
from jarvis_dagster.commands.backup import backup_app
from jarvis_dagster.commands.dashboards import dashboards_app
from jarvis_dagster.commands.dataset import dataset_app
from jarvis_dagster.commands.drive import drive_app
from jarvis_dagster.commands.experiment import experiment_app
from jarvis_dagster.commands.gateway import gateway_app
from jarvis_dagster.commands.models import models_app
from jarvis_dagster.commands.notify import notify_app
from jarvis_dagster.commands.report import report_app
from jarvis_dagster.commands.review import review_app
from jarvis_dagster.commands.storage import storage_app
from jarvis_dagster.commands.toolchain import toolchain_app
from jarvis_dagster.commands.workflow import workflow_app
from jarvis_dagster.disk import is_full_disk
from jarvis_dagster.errors import BadInputError, JarvisError, PermanentError

if TYPE_CHECKING:
    from rich.console import Console

    from jarvis_dagster.settings import Settings

__all__ = ["app", "main"]

FAILED, BAD_INPUT = 1, 2

app = typer.Typer(
    help="From a hockey video in a drive to tracks, events, highlights and a report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
evaluate = typer.Typer(help="Measure a detector or a tracker.", no_args_is_help=True)
config_app = typer.Typer(help="See the settings.", no_args_is_help=True)
app.add_typer(evaluate, name="evaluate")
app.add_typer(config_app, name="config")
app.add_typer(drive_app, name="drive")
app.add_typer(dataset_app, name="dataset")
app.add_typer(toolchain_app, name="toolchain")
app.add_typer(storage_app, name="storage")
app.add_typer(autopilot_app, name="autopilot")
app.add_typer(backup_app, name="backup")
app.add_typer(notify_app, name="notify")
app.add_typer(account_app, name="account")
app.add_typer(token_app, name="token")
app.add_typer(audit_app, name="audit")
app.add_typer(report_app, name="report")
app.add_typer(gateway_app, name="gateway")
app.add_typer(alerts_app, name="alerts")
app.add_typer(dashboards_app, name="dashboards")
app.add_typer(review_app, name="review")
app.add_typer(models_app, name="models")
app.add_typer(experiment_app, name="experiment")
app.add_typer(approvals_app, name="approvals")
app.add_typer(workflow_app, name="workflow")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
_verbose = False


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)


def _settings() -> Settings:
    from jarvis_dagster.settings import load_settings

    return load_settings()


@app.callback()
def _options(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show where an error happened.")
    ] = False,
) -> None:
    global _verbose  # noqa: PLW0603
    _verbose = verbose


@app.command()
def run(
    video: Annotated[Path | None, typer.Argument(help="The video to analyse.")] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Analyse a rendered game.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Copy the results to this folder too.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", envvar="KEEP", help="Leave started servers running.")
    ] = False,
) -> None:
    """Analyse a video, from the drive's Uploads folder to its Results folder."""
    from jarvis_dagster.commands.run import run_video

    if (video is None) != sample:
        raise BadInputError("Name one video, or --sample.", "See `jarvis run --help`.")
    console = _console()
    done = run_video(_settings(), video, console, output=output, keep=keep)
    console.print(f"\nDone in {done.seconds:.0f} s. Open:")
    for name in ("report.html", "annotated.mp4"):
        console.print(f"  {done.folder / name}", soft_wrap=True, highlight=False)
    console.print(f"\nAll {len(done.files)} files are in {done.folder}", soft_wrap=True)


@app.command()
def register(
    video: Annotated[Path, typer.Argument(help="The video to upload.")],
) -> None:
    """Upload a video and add its partition, without analysing it; prints the partition."""
    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.commands.upload import register_video

    with Display(_console(stderr=True)) as display:
        key = register_video(_settings(), video, display)
    typer.echo(key)


@app.command()
def up(
    programs: Annotated[
        list[str] | None, typer.Argument(help="Start only these; `jarvis status` lists them.")
    ] = None,
) -> None:
    """Start the whole stack on this machine."""
    from jarvis_dagster.commands import stack

    stack.up(_settings().stack, _console(), programs or None)  # type: ignore[arg-type]


@app.command()
def down(
    programs: Annotated[list[str] | None, typer.Argument(help="Stop only these.")] = None,
) -> None:
    """Stop the stack; nothing is lost."""
    from jarvis_dagster.commands import stack

    stack.down(_settings().stack, _console(), programs or None)  # type: ignore[arg-type]


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show what runs; exit code 1 unless everything that should is ready."""
    from jarvis_dagster.commands import stack

    if not stack.status(_settings().stack, _console(), as_json=as_json):
        raise typer.Exit(FAILED)


@app.command()
def logs(
    program: Annotated[str | None, typer.Argument(help="Whose log; empty means all.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many lines.")] = 50,
) -> None:
    """Show the logs of the stack."""
    from jarvis_dagster.commands import stack

    stack.logs(_settings().stack, _console(), program, follow=follow, lines=lines)


@app.command()
def worker(
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", "-k", help="workflows, vision, training or io; all by default."),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="host:port of its metrics, for workflow.metrics_address.")
    ] = None,
    autoscale: Annotated[
        bool, typer.Option("--autoscale", help="As many processes as what waits needs.")
    ] = False,
    least: Annotated[int, typer.Option("--min", min=0, help="With --autoscale, at least.")] = 1,
    most: Annotated[int, typer.Option("--max", min=1, help="With --autoscale, at most.")] = 4,
) -> None:
    """Serve workflows until Ctrl-C or SIGTERM; running steps finish or are handed back."""
    from jarvis_dagster.commands import worker as command

    if autoscale:
        command.autoscale(kinds or (), metrics, least, most)
    else:
        command.work(kinds or (), metrics)


Threads = Annotated[int | None, typer.Option(min=1, help="Threads; all cores by default.")]
Model = Annotated[Path | None, typer.Option(help="An ONNX detector; the packaged one by default.")]
Aspect = Annotated[
    str | None, typer.Option(help="True shape of pictures that are stored stretched, as in 16:9.")
]


@app.command()
def detect(
    source: Annotated[Path, typer.Argument(help="A folder of pictures, or a video.")],
    out: Annotated[Path, typer.Option(help="COCO results to write (JSON).")],
    model: Model = None,
    stride: Annotated[
        int | None, typer.Option(min=1, help="Of a video, look at every n-th frame.")
    ] = None,
    score_threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least score; the model's own by default.")
    ] = None,
    threads: Threads = None,
    aspect: Aspect = None,
) -> None:
    """Find the people on the ice in pictures or a video."""
    from jarvis_dagster.commands import detect as command
    from jarvis_dagster.commands.display import Display

    console = _console(stderr=True)
    with Display(console) as display:
        done = command.detect(
            source,
            out,
            model=model,
            stride=stride,
            score_threshold=score_threshold,
            threads=threads,
            aspect=aspect,
            progress=lambda done, total: display.update("detect", done, total),
            on_error=lambda message: console.print(message, markup=False, style="red"),
        )
    console.print(f"{done.boxes} people in {done.pictures} pictures: {out}", markup=False)
    if done.failed:
        console.print(f"{len(done.failed)} pictures could not be read.", style="red")
        raise typer.Exit(FAILED)


@app.command()
def calibrate(
    video: Annotated[Path, typer.Argument(help="The video to calibrate.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Calibration to write; by default VIDEO's name.calibration.json."),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Picture with the lines drawn; by default beside it.")
    ] = None,
    rink: Annotated[str, typer.Option(help="auto, NHL, IIHF (60 by 30 m) or IIHF-26.")] = "auto",
    marks: Annotated[
        Path | None, typer.Option(help="Clicked marks (JSON) of a camera that never moves.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(help="Only compare this calibration with the video.")
    ] = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Find the rink in a video; writes the calibration, and a picture that shows if it fits.

    Exit code 1 if there is no calibration, or it does not fit.
    """
    from jarvis_dagster.commands.calibrate import calibrate_command
    from jarvis_dagster.commands.display import Display

    with Display(_console(stderr=True)) as display:
        good = calibrate_command(
            video,
            out=out,
            picture=picture,
            rink=rink,
            marks=marks,
            check=check,
            threads=threads,
            as_json=as_json,
            progress=display.update,
            console=_console(),
        )
    if not good:
        raise typer.Exit(FAILED)


@app.command()
def track(
    detections: Annotated[Path, typer.Option(help="MOTChallenge rows: frame,-1,x,y,w,h,score.")],
    size: Annotated[str, typer.Option(help="Size of the frames, as in 1280x720.")],
    fps: Annotated[float, typer.Option(min=0.1, help="Frames a second.")],
    out: Annotated[Path, typer.Option(help="Where to write the tracks.")],
    as_json: AsJson = False,
) -> None:
    """Track people from boxes alone."""
    from jarvis_dagster.commands.track import track_command

    track_command(detections, size, fps, out, as_json=as_json)


@app.command()
def train(
    data: Annotated[Path, typer.Argument(help="YOLO export: images/, labels/, data.yaml.")],
    output: Annotated[Path, typer.Option("--out", help="Folder for checkpoints and the detector.")],
    start: Annotated[
        Path | None, typer.Option(help="Detector to start from; by default the packaged one.")
    ] = None,
    held_out: Annotated[
        list[str] | None, typer.Option("--hold-out", help="A video to leave for evaluation.")
    ] = None,
    loose: Annotated[
        list[str] | None, typer.Option("--loose", help="A video whose boxes include the stick.")
    ] = None,
    partly_labelled: Annotated[
        list[str] | None,
        typer.Option("--partly-labelled", help="A video with people on the ice left unlabelled."),
    ] = None,
    aspect: Aspect = None,
    minutes: Annotated[
        float, typer.Option(min=1, help="Time for everything; says how many steps are trained.")
    ] = 10.0,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps, however long they take.")
    ] = None,
) -> None:
    """Train a detector on labelled frames; the same call again continues a stopped one.

    Videos are told apart by groups.csv (columns image, video) in DATA. One is held out, by
    which the new detector is compared with the one before.
    """
    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.commands.train import train_command

    with Display(_console(stderr=True)) as display:
        done = train_command(
            data,
            start=start,
            output=output,
            held_out=held_out or (),
            loose=loose or (),
            partly_labelled=partly_labelled or (),
            aspect=aspect,
            minutes=minutes,
            steps=steps,
            display=display,
        )
    typer.echo(done)


@evaluate.command("detector")
def evaluate_detector(
    images: Annotated[Path, typer.Option(help="Folder of pictures.")],
    labels: Annotated[Path, typer.Option(help="Folder of YOLO labels of the same names.")],
    model: Model = None,
    aspect: Aspect = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Recall, precision, AP50 and role figures against labels."""
    from jarvis_dagster.commands.detect import evaluate_detector_command
    from jarvis_dagster.commands.display import Display

    with Display(_console(stderr=True)) as display:
        evaluate_detector_command(
            images,
            labels,
            model=model,
            aspect=aspect,
            threads=threads,
            as_json=as_json,
            progress=lambda done, total: display.update("detect", done, total),
        )


@evaluate.command("tracker")
def evaluate_tracker(
    ground_truth: Annotated[Path, typer.Option(help="MOTChallenge ground truth (.gz too).")],
    tracks: Annotated[Path, typer.Option(help="MOTChallenge tracks.")],
    as_json: AsJson = False,
) -> None:
    """HOTA, IDF1 and MOTA of tracks."""
    from jarvis_dagster.commands.track import evaluate_tracker_command

    evaluate_tracker_command(ground_truth, tracks, as_json=as_json)


@app.command()
def health(as_json: AsJson = False) -> None:
    """Ask every core service whether it works; exit code 1 if one does not."""
    from jarvis_dagster.commands.health import check_health

    if not check_health(_settings(), _console(), as_json=as_json):
        raise typer.Exit(FAILED)


@config_app.command("show")
def config_show(as_json: AsJson = False) -> None:
    """The settings in force; secrets are hidden."""
    from jarvis_dagster.commands.config import show_config

    show_config(_settings(), as_json=as_json)


def main() -> None:
    """Run the command; errors of Jarvis become one line and an exit code."""
    try:
        app()
    except JarvisError as error:
        _complain(error)
        sys.exit(BAD_INPUT if isinstance(error, BadInputError) else FAILED)
    except Exception as error:
        if not is_full_disk(error):
            raise
        where = getattr(error, "filename", None)
        _complain(
            PermanentError(
                f"No space is left on the disk{f' of {where}' if where else ''}.",
                "Free some space, then try again; nothing that was delivered is lost.",
            )
        )
        sys.exit(FAILED)


def _complain(error: JarvisError) -> None:
    console = _console(stderr=True)
    if _verbose:
        console.print_exception()
    from rich.text import Text

    console.print(Text.assemble(("Error: ", "bold red"), str(error)), soft_wrap=True)


if __name__ == "__main__":
    main()
