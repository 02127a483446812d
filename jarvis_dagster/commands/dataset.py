"""``jarvis dataset``: labelled pictures, their versions, checks and splits.

Belongs here: options, help and what is printed. Does not belong here: what is done
(``hockey/datasets``, ``toolchain``).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis_dagster.commands.dataset_store import Shelf, opened
from jarvis_dagster.commands.printing import AsJson, print_json, print_table, terminal
from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.hockey.datasets import Dataset, Options

__all__ = ["dataset_app"]

dataset_app = typer.Typer(
    help="Labelled pictures: import, check, split, versions. DATASET is NAME, NAME@VERSION, or a"
    " folder or zip file.",
    no_args_is_help=True,
)
Ref = Annotated[str, typer.Argument(metavar="DATASET", help="What it is of.")]
Format = Annotated[
    str | None, typer.Option("--format", help="yolo, coco, cvat or mot; else it is looked for.")
]
Classes = Annotated[
    Path | None, typer.Option(help="classes.yaml: a line a name, as in `goalie: goalkeeper`.")
]
Video = Annotated[str | None, typer.Option(help="The video that all pictures are of.")]
Aspect = Annotated[
    str | None, typer.Option(help="True shape of pictures that are stored stretched, as in 16:9.")
]
Every = Annotated[int, typer.Option(min=1, help="Take every n-th picture of a video.")]
SkipMissing = Annotated[
    bool, typer.Option("--skip-missing", help="Go on without pictures that are not there.")
]


@dataset_app.command("import")
def import_(
    source: Annotated[
        str, typer.Argument(help="Folder or zip file, DRIVE:PATH, or s3://bucket/key.")
    ],
    name: Annotated[str | None, typer.Option(help="Its name; else the source's.")] = None,
    kind: Format = None,
    classes: Classes = None,
    video: Video = None,
    aspect: Aspect = None,
    every: Every = 1,
    skip_missing: SkipMissing = False,
    to: Annotated[
        Path | None, typer.Option(help="Write it into this new folder, and store nothing.")
    ] = None,
) -> None:
    """Read what a labelling tool wrote, and store it as a version; prints its name.

    YOLO, COCO, CVAT, MOT and Roboflow exports are read. The same content is one version, however
    often and in whatever format it is imported.
    """
    from jarvis_dagster.hockey.datasets import read_dataset, write_dataset
    from jarvis_dagster.toolchain.sources import dataset_name, local_source

    options = _options(kind, classes, video, aspect, every, skip_missing)
    name = name or dataset_name(source)
    with _display() as display, contextlib.ExitStack() as stack:
        shelf = Shelf(stack)
        path = stack.enter_context(
            local_source(
                source, shelf.core, lambda done, total: display.update("fetch", done, total)
            )
        )
        dataset = stack.enter_context(
            read_dataset(
                path, name, options, lambda done, total: display.update("pictures", done, total)
            )
        )
        _tell(dataset)
        if to is not None:
            write_dataset(dataset, to)
            typer.echo(str(to))
            return
        stored, is_new = shelf.datasets.save(
            dataset, lambda done, total: display.update("send", done, total)
        )
    if not is_new:
        terminal(stderr=True).print(
            f"This content is version {stored.number} already.", style="yellow"
        )
    typer.echo(stored.ref)


def _tell(dataset: Dataset) -> None:
    """What was read, and what reading it left out."""
    console, summary = terminal(stderr=True), dataset.summary()
    classes = ", ".join(f"{number} {kind}" for kind, number in summary["classes"].items())
    console.print(
        f"{dataset.source}: {summary['pictures']} pictures of {len(dataset.videos)} videos;"
        f" {classes}",
        highlight=False,
    )
    for what, count in dataset.notes.items():
        said = ", ".join(map(str, count)) if isinstance(count, list) else str(count)
        console.print(f"  {what}: {said}", style="yellow", highlight=False, markup=False)


@dataset_app.command()
def check(
    dataset: Ref,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html and report.json.")
    ] = None,
    kind: Format = None,
    classes: Classes = None,
    video: Video = None,
    aspect: Aspect = None,
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong with labels and pictures; exit code 1 where there is an error."""
    from jarvis_dagster.hockey.datasets import check_dataset, write_report

    options = _options(kind, classes, video, aspect)
    with _display() as display, opened(dataset, options, display) as data:
        report = check_dataset(data, lambda done, total: display.update("check", done, total))
        if out is not None:
            page, _ = write_report(data, report, out)
    if as_json:
        print_json(report.to_json())
    else:
        rows = [(finding.severity, finding.what, finding.remedy) for finding in report.findings]
        print_table(("", "finding", "what to do"), rows or [("", "nothing", "")])
    if out is not None:
        typer.echo(f"Look at {page}", err=True)
    if not report.usable:
        raise typer.Exit(1)


@dataset_app.command()
def split(
    dataset: Ref,
    test: Annotated[list[str] | None, typer.Option(help="A video to test on; repeat it.")] = None,
    validation: Annotated[
        list[str] | None, typer.Option(help="A video to choose models by; repeat it.")
    ] = None,
    test_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="About this share, where no video is named.")
    ] = 0.15,
    validation_share: Annotated[
        float, typer.Option(min=0, max=0.5, help="About this share, where no video is named.")
    ] = 0.15,
    out: Annotated[Path | None, typer.Option(help="Write the split to this JSON file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Choose videos for training, validation and test; near copies are never on both sides."""
    from jarvis_dagster.hockey.datasets import split_dataset
    from jarvis_dagster.hockey.datasets.splits import PARTS

    with _display() as display, opened(dataset, None, display) as data:
        made = split_dataset(
            data,
            test=test or (),
            validation=validation or (),
            test_share=test_share,
            validation_share=validation_share,
        )
        counts = {name: data.of(made.part(name)).summary() for name in PARTS}
    if out is not None:
        out.write_text(json.dumps(made.to_json(), indent=1), "utf-8")
    if as_json:
        print_json(made.to_json())
        return
    rows = [
        (name, ", ".join(made.part(name)) or "-", counts[name]["labelled"], counts[name]["boxes"])
        for name in PARTS
    ]
    print_table(("part", "videos", "pictures", "boxes"), rows)


@dataset_app.command("list")
def list_(
    name: Annotated[str | None, typer.Argument(help="Only the versions of this one.")] = None,
    as_json: AsJson = False,
) -> None:
    """The versions that are stored, newest first."""
    with contextlib.ExitStack() as stack:
        found = Shelf(stack).datasets.list(name)
    if as_json:
        print_json([{"ref": one.ref, "number": one.number, **one.summary} for one in found])
        return
    rows = [
        (
            one.ref,
            one.number,
            f"{one.stored:%Y-%m-%d %H:%M}",
            one.summary["pictures"],
            one.summary["boxes"],
            len(one.summary["videos"]),
            f"{one.size / 1e6:.1f}",
        )
        for one in found
    ]
    print_table(
        ("dataset", "version", "stored", "pictures", "boxes", "videos", "MB"),
        rows,
        nothing="No dataset is stored yet: see `jarvis dataset import --help`.",
    )


@dataset_app.command()
def show(
    dataset: Ref,
    against: Annotated[
        str | None, typer.Option(help="Another version: show what changed since it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What is in a dataset, or what it changed against another version."""
    from jarvis_dagster.hockey.datasets import compare_datasets

    with _display() as display, opened(dataset, None, display) as data:
        if against is not None:
            with opened(against, None, display) as old:
                content = compare_datasets(old, data)
        else:
            content = {"name": data.name, **data.summary(), "boxes_by_video": data.counts()}
    if as_json:
        print_json(content)
        return
    if against is not None:
        rows = [(key, _words(value)) for key, value in content.items() if key != "examples"]
        print_table(("changed", ""), rows)
        return
    head = ("video", "pictures", *content["classes"])
    rows = [
        (video, content["videos"][video], *row.values())
        for video, row in content["boxes_by_video"].items()
    ]
    total = ("all", content["pictures"], *content["classes"].values())
    terminal().print(f"{content['name']} {content['version']}", highlight=False)
    print_table(head, [*rows, total])


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(inner)}" for key, inner in value.items()) or "-"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return str(value)


@dataset_app.command()
def export(
    dataset: Ref,
    target: Annotated[Path, typer.Argument(help="A new folder, or a .zip file to write.")],
    kind: Annotated[str, typer.Option("--format", help="yolo, coco, cvat or mot.")] = "yolo",
) -> None:
    """Write a dataset for a labelling tool; yolo is also what `jarvis train` takes."""
    from jarvis_dagster.hockey.datasets import export_dataset

    with _display() as display, opened(dataset, None, display) as data:
        if target.suffix.lower() != ".zip":
            export_dataset(data, kind, target)
        elif target.exists():
            raise BadInputError(f"{target} is there already.", "Name another file.")
        else:
            with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
                folder = export_dataset(data, kind, Path(scratch) / "export")
                shutil.make_archive(str(target.with_suffix("")), "zip", folder)
    typer.echo(str(target))


def _options(
    kind: str | None = None,
    classes: Path | None = None,
    video: str | None = None,
    aspect: str | None = None,
    every: int = 1,
    skip_missing: bool = False,
) -> Options:
    from jarvis_dagster.hockey.datasets import Options, read_class_map
    from jarvis_dagster.hockey.detection.evaluation import parse_aspect

    return Options(
        format=kind,
        class_map=read_class_map(classes) if classes is not None else None,
        video=video,
        aspect=parse_aspect(aspect),
        every=every,
        skip_missing=skip_missing,
    )


def _display() -> Display:
    from jarvis_dagster.commands.display import Display

    return Display(terminal(stderr=True))
