"""``jarvis detect``, ``calibrate``, ``track``, ``train``, ``evaluate``: each part by itself.

Belongs here: options, help and exit codes. Does not belong here: what a command does (the module
of its name), a whole video's analysis (``run.py``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jarvis_dagster.commands.printing import AsJson, terminal

__all__ = ["vision_app"]

FAILED = 1

vision_app = typer.Typer(help="Parts of the analysis by themselves.")
evaluate = typer.Typer(help="Measure a detector, a tracker or a calibration.", no_args_is_help=True)
vision_app.add_typer(evaluate, name="evaluate")

Threads = Annotated[int | None, typer.Option(min=1, help="Threads; all cores by default.")]
Model = Annotated[Path | None, typer.Option(help="An ONNX detector; the packaged one by default.")]
Aspect = Annotated[
    str | None, typer.Option(help="True shape of pictures that are stored stretched, as in 16:9.")
]


@vision_app.command()
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
    """Find the people on the ice in pictures or a video.

    One entry a box: image_id (the picture's name, or the number of the frame, the first being 0),
    bbox (x, y, width, height in pixels), category and score.
    """
    from jarvis_dagster.commands import detect as command
    from jarvis_dagster.commands.display import Display

    console = terminal(stderr=True)
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


@vision_app.command()
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

    with Display(terminal(stderr=True)) as display:
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
            console=terminal(),
        )
    if not good:
        raise typer.Exit(FAILED)


@vision_app.command()
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


@vision_app.command()
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
    keep: Annotated[
        list[Path] | None,
        typer.Option(
            help="Labelled frames of another rink: they tell what is lost there, and add to what"
            " the start remembers of the rinks that it has seen."
        ),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="How much of what was learnt counts, from 0 to 1; by default 0.25 beside what"
            " the start remembers (0.15 if it remembers nothing), or as much as the frames of"
            " --keep allow.",
        ),
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

    with Display(terminal(stderr=True)) as display:
        done = train_command(
            data,
            start=start,
            output=output,
            held_out=held_out or (),
            loose=loose or (),
            partly_labelled=partly_labelled or (),
            keep=keep or (),
            share=share,
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

    with Display(terminal(stderr=True)) as display:
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


@evaluate.command("calibration")
def evaluate_calibration(
    marks: Annotated[
        Path, typer.Option(help="JSON: by picture or frame, a list of marks as `calibrate` takes.")
    ],
    images: Annotated[Path | None, typer.Option(help="Folder of the pictures.")] = None,
    video: Annotated[Path | None, typer.Option(help="The video that the frames are of.")] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="The video's calibration; else it is made.")
    ] = None,
    rink: Annotated[str, typer.Option(help="NHL, IIHF (60 by 30 m) or IIHF-26.")] = "NHL",
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """How many feet off the calibration is at marks whose place is known."""
    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.commands.evaluate_calibration import evaluate_calibration_command

    with Display(terminal(stderr=True)) as display:
        evaluate_calibration_command(
            marks,
            images=images,
            video=video,
            calibration=calibration,
            rink=rink,
            threads=threads,
            as_json=as_json,
            progress=display.update,
        )
