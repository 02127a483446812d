"""``jarvis review``: what a person should look at, and what comes back from it.

Belongs here: options, help and what is printed. Does not belong here: what is done
(``corrections``, ``review_tasks``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table, terminal
from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from jarvis_dagster.commands.corrections import Applied
    from jarvis_dagster.hockey.review.corrections import Correction
    from jarvis_dagster.settings import Settings

__all__ = ["review_app"]

review_app = typer.Typer(
    help="Correct results, and label the frames that teach the detector most.",
    no_args_is_help=True,
)
Named = Annotated[str, typer.Argument(help="The video's name, or its partition.")]


def _settings() -> Settings:
    from jarvis_dagster.settings import load_settings

    return load_settings()


@review_app.command()
def correct(
    video: Named,
    track: Annotated[
        int | None, typer.Option(help="Number of the track in the video and the report.")
    ] = None,
    number: Annotated[str | None, typer.Option(help="It wears this number, or none.")] = None,
    role: Annotated[str | None, typer.Option(help="It is a player, goalkeeper or referee.")] = None,
    team: Annotated[str | None, typer.Option(help="It is of team A, B or none.")] = None,
    same_as: Annotated[
        list[int] | None, typer.Option("--same-as", help="It is the same person as this track.")
    ] = None,
    split_at: Annotated[
        str | None, typer.Option(help="From this time on, as 12.3 or 1:02.5, it is another.")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="It is nobody.")] = False,
    wrong: Annotated[
        str | None, typer.Option(help="This event did not happen (its id in events.csv).")
    ] = None,
    missed: Annotated[
        str | None, typer.Option(help="An event of this type happened, as shot or goal.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="When the missed event began.")] = None,
    until: Annotated[str | None, typer.Option(help="When it ended; a second later.")] = None,
    note: Annotated[str, typer.Option(help="Why; kept with the correction.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Instead of what was said of the track before.")
    ] = False,
    later: Annotated[
        bool, typer.Option("--later", help="Only write it down; the sensor or `apply` does it.")
    ] = False,
) -> None:
    """Say what is otherwise in a video, and make its results again as far as they depend on it.

    The correction is written into corrections.yaml beside the results in the drive.
    """
    from jarvis_dagster.commands import corrections as command

    entry: dict[str, Any] = {}
    if missed is not None:
        entry = {"missed": missed, "at": at, "until": until, "team": team}
        entry["tracks"] = [track] if track is not None else None
    elif wrong is not None:
        entry = {"event": wrong, "wrong": True}
    elif same_as:
        if track is None:
            raise BadInputError("--same-as needs --track.", "Name both tracks.")
        entry = {"same_person": [track, *same_as]}
    elif track is not None:
        entry = {"track": track, "number": number, "role": role, "team": team}
        entry |= {"split_at": split_at, "delete": delete or None}
    if not entry:
        raise BadInputError(
            "Nothing is corrected.", "Name --track, --wrong or --missed; see `--help`."
        )
    said = _said({**entry, "note": note or None})
    console = terminal(stderr=True)
    with command.open_video(_settings(), video, console) as opened:
        for one in command.correct(opened, said, replace=replace):
            console.print(one.words, markup=False, highlight=False)
        if later:
            console.print("Written down; `jarvis review apply` applies it.")
            return
        _show(command.apply(opened))


def _said(entry: dict[str, Any]) -> list[Correction]:
    """The corrections of an entry, read as a file's would be."""
    import yaml

    from jarvis_dagster.hockey.review.entries import parse_corrections

    given = {key: value for key, value in entry.items() if value is not None}
    try:
        return parse_corrections(yaml.safe_dump([given]))
    except BadInputError as error:
        what = error.what.rpartition("line 1: ")[2]
        raise BadInputError(what, error.remedy) from None


@review_app.command()
def apply(video: Named) -> None:
    """Make a video's results again, as far as they depend on corrections in the drive."""
    from jarvis_dagster.commands import corrections as command

    with command.open_video(_settings(), video, terminal(stderr=True)) as opened:
        _show(command.apply(opened))


@review_app.command()
def corrections(video: Named, as_json: AsJson = False) -> None:
    """What was corrected in a video, and whether its results reflect it."""
    from jarvis_dagster.assets.spotlight.corrected import outcomes_of
    from jarvis_dagster.commands import corrections as command
    from jarvis_dagster.hockey.review.entries import parse_corrections

    with command.open_video(_settings(), video, terminal(stderr=True)) as opened:
        done = {
            row["key"]: row["why"]
            for row in outcomes_of(opened.space, "tracks", "jersey_numbers", "events")
        }
        rows = [
            {
                "line": one.line,
                "words": one.words,
                "state": "waits" if one.key not in done else done[one.key] or "applied",
                "note": one.note,
            }
            for one in parse_corrections(opened.read()[0])
        ]
    if as_json:
        print_json(rows)
        return
    _table("Corrections", ("line", "correction", "state", "note"), [[*r.values()] for r in rows])


Videos = Annotated[
    list[str] | None, typer.Argument(help="Videos by name or partition; all by default.")
]
Count = Annotated[int, typer.Option(min=1, help="Most frames.")]
_GAP = "Least seconds between two frames of a video."


@review_app.command("list")
def list_(
    videos: Videos = None,
    count: Count = 30,
    gap_s: Annotated[float, typer.Option("--gap", min=0, help=_GAP)] = 5.0,
    as_json: AsJson = False,
) -> None:
    """The frames and tracks that are most worth a look, and why; nothing is written."""
    from jarvis_dagster.commands import review_tasks as command

    with command.opened(_settings(), terminal(stderr=True)) as shop:
        frames, tracks = command.worth_a_look(shop, videos or (), count, gap_s)
    if as_json:
        print_json({"frames": frames, "tracks": tracks})
        return
    rows = [
        (f["video"], f"{f['pts_s']:.1f} s", f"{f['worth']:.1f}", "; ".join(f["reasons"]))
        for f in frames
    ]
    _table("Frames to label (jarvis review export)", ("video", "at", "worth", "why"), rows)
    rows = [
        (t["video"], str(t["track"]), f"{t['from_s']} to {t['to_s']} s", f"{t['why']}")
        for t in tracks
    ]
    _table("Tracks to settle (jarvis review correct)", ("video", "track", "seen", "why"), rows)


@review_app.command()
def export(
    videos: Videos = None,
    count: Count = 60,
    gap_s: Annotated[float, typer.Option("--gap", min=0, help=_GAP)] = 5.0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Without a second look by the detector.")
    ] = False,
    more: Annotated[
        bool, typer.Option("--more", help="Even while frames of an earlier task wait.")
    ] = False,
) -> None:
    """Put the frames whose labels would teach most into the drive's Training folder.

    Ready for CVAT and as a YOLO folder, labelled as Jarvis sees them. While frames of an earlier
    task wait, there is no other, unless --more asks for it; what a person changed stays.
    """
    from jarvis_dagster.commands import review_tasks as command

    console = terminal(stderr=True)
    with command.opened(_settings(), console) as shop:
        done = command.export(shop, videos or (), count, gap_s, second_look=not quick, more=more)
    wait = "" if done["is_new"] else " wait already"
    console.print(f"{done['frames']} frames of {done['videos']} videos{wait}:")
    typer.echo(done["folder"])


@review_app.command("import")
def import_(
    source: Annotated[
        str, typer.Argument(help="A CVAT or YOLO export, or a YOLO folder: a path, or DRIVE:PATH.")
    ],
    as_json: AsJson = False,
) -> None:
    """Read corrected labels of review tasks back; say how far Jarvis agreed.

    The sensor does the same for what is put into a task's folder in the drive.
    """
    from jarvis_dagster.commands import review_tasks as command

    with command.opened(_settings(), terminal(stderr=True)) as shop:
        done = command.read_labels(shop, source)
    if as_json:
        print_json(done)
        return
    _table(
        "Corrected labels",
        ("what", "value"),
        [(name.replace("_", " "), value) for name, value in done.items() if value not in ({}, "")],
    )


def _show(done: Applied | None) -> None:
    if done is None:
        typer.echo("All corrections are applied already.")
        return
    typer.echo(f"Made again: {', '.join(sorted(done.assets))}.")
    difference = done.difference
    if difference is None:
        typer.echo("Nothing is corrected any more; the results are as they were found.")
        return
    for one in difference["said"]:
        if not one["applied"]:
            typer.echo(f"Not applied (line {one['line']}): {one['words']}: {one['why']}.")
    if difference["reason"]:
        typer.echo(difference["reason"])
    rows = [
        (
            f"No. {row['track_id']}: {row['what']}" if "track_id" in row else row["what"],
            _figure(row["before"], row["unit"]),
            _figure(row["after"], row["unit"]),
        )
        for row in [*difference["changes"], *difference.get("people", [])]
    ]
    if rows:
        _table("What changed", ("figure", "before", "after"), rows)


def _figure(value: Any, unit: str) -> str:
    from jarvis_dagster.hockey.report.wording import figure

    return figure(value, unit)


def _table(title: str, columns: tuple[str, ...], rows: Any) -> None:
    print_table(columns, rows, title=title, nothing=f"{title}: none.")
