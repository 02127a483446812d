"""The tables that pass between the steps: columns, types, provenance, Parquet.

Belongs here: the schema of every table and the one way to write and read it.
Does not belong here: how a table is computed, or where it is stored.

A table is a pandas DataFrame in memory and a Parquet file elsewhere. Units are
in the column names: ``_px`` pixels of the (upright) source frame, ``_s``
seconds from the first frame, ``_ft`` feet on the rink.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__all__ = [
    "CLASSES",
    "DETECTIONS",
    "EVENTS",
    "IDENTITIES",
    "JERSEYS",
    "POSITIONS",
    "SCAN",
    "SCOREBOARD",
    "TRACKS",
    "Provenance",
    "empty",
    "read_provenance",
    "read_table",
    "write_table",
]

CLASSES = ("player", "goalkeeper", "referee", "puck")
"""Detection classes in the order of their class index."""

_BOX = {"x1_px": "float32", "y1_px": "float32", "x2_px": "float32", "y2_px": "float32"}

SCAN = {
    "frame": "int32",
    "pts_s": "float64",
    "luma": "float32",  # mean luma, 0 to 255
    "sharpness": "float32",  # variance of the Laplacian at 320 px width
    "difference": "float32",  # mean absolute luma difference to the frame before
    "is_cut": "bool",  # this frame starts a new camera shot
    # camera motion from the frame before, in source pixels:
    # [x', y'] = scale * R(angle) [x, y] + [dx, dy]
    "dx_px": "float32",
    "dy_px": "float32",
    "scale": "float32",
    "angle_rad": "float32",
    "motion_ok": "bool",  # False: not estimated (cut, blur, no texture)
}
DETECTIONS = {
    "frame": "int32",
    "pts_s": "float64",
    **_BOX,
    "score": "float32",
    "class": "str",
}
TRACKS = {
    **DETECTIONS,
    "track_id": "int32",
    "observed": "bool",  # False: filled in between two detections, or at the edge of a shot
    "role": "str",  # player | goalkeeper | referee | unknown
    "role_score": "float32",
    "team": "str",  # "A" | "B" | "" (referees and unknown)
    "team_score": "float32",
}
POSITIONS = {
    "frame": "int32",
    "pts_s": "float64",
    "track_id": "int32",
    "x_ft": "float32",  # along the rink, 0 at the left end boards
    "y_ft": "float32",  # across, 0 at the side boards nearest the camera
    "speed_ftps": "float32",
    "valid": "bool",
    "error_ft": "float32",  # likely error of the position; NaN: not known
}
SCOREBOARD = {  # one row a look at the scoreboard in the picture
    "frame": "int32",
    "pts_s": "float64",
    "clock_s": "float32",  # what the game clock shows; NaN: not read
    "period": "int8",  # 1, 2, 3, 4 is overtime; 0: not read
    "score_left": "int16",  # of the team named first (left or above); -1: not read
    "score_right": "int16",
    "confidence": "float32",
}
JERSEYS = {  # one row a track whose number was read at all
    "track_id": "int32",
    "number": "str",  # "1" to "99"
    "probability": "float32",  # that the track wears it, given all that was read
    "reads": "int32",  # pictures in which a number was read
    "evidence": "str",  # JSON: frames and what was read in each
}
IDENTITIES = {  # one row a track
    "track_id": "int32",
    "person_id": "str",  # "A-26", "A-goalkeeper", "A-p1"; "unknown": cannot be told
    "number": "str",  # "1" to "99", "" where not known
    "probability": "float32",  # that the track is of this person, and that he wears the number
    "evidence": "str",  # JSON: by what, and with which other tracks
}
EVENTS = {
    "event_id": "str",
    "type": "str",
    "start_s": "float64",
    "end_s": "float64",
    "team": "str",
    "track_ids": "str",  # JSON list of int
    "confidence": "float32",
    "evidence": "str",  # JSON object: frames, tracks, measures, model version
}

_LATER = {"error_ft": float("nan")}
"""Columns that tables written before them lack, and what they are read as."""


@dataclasses.dataclass(frozen=True)
class Provenance:
    """What made a table; kept in the Parquet file's own metadata."""

    video_sha256: str
    model_version: str
    config_sha256: str
    corrections_sha256: str = ""
    """Of what a person corrected; "" for nothing."""


def empty(schema: dict[str, str]) -> pd.DataFrame:
    """A table of ``schema`` without rows."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in schema.items()})


def write_table(
    table: pd.DataFrame, schema: dict[str, str], path: Path, provenance: Provenance
) -> None:
    """Write ``table`` as Parquet with its provenance, in the schema's order.

    Columns beyond the schema are kept, behind it.

    Raises:
        BadInputError: a column of the schema is missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    missing = [name for name in schema if name not in table.columns]
    if missing:
        raise BadInputError(f"The table for {path.name} lacks the columns {', '.join(missing)}.")
    others = [name for name in table.columns if name not in schema]
    ordered = table[[*schema, *others]].astype(schema)
    arrow = pa.Table.from_pandas(ordered, preserve_index=False)
    own = {b"jarvis": json.dumps(dataclasses.asdict(provenance)).encode()}
    arrow = arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **own})
    partial = path.with_name(path.name + ".tmp")
    pq.write_table(arrow, partial, compression="zstd")
    partial.replace(path)


def read_table(path: Path, schema: dict[str, str] | None = None) -> pd.DataFrame:
    """Read a Parquet table; with ``schema``, check that its columns are there.

    Raises:
        BadInputError: the file is not a readable table or lacks columns.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table: pd.DataFrame = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise BadInputError(
            f"{path} cannot be read as a Parquet table ({error}).",
            "Materialise the asset that makes it again.",
        ) from error
    missing = [name for name in schema or {} if name not in table.columns]
    for name in [name for name in missing if name in _LATER]:
        table[name] = pd.Series(_LATER[name], index=table.index, dtype=(schema or {})[name])
        missing.remove(name)
    if missing:
        raise BadInputError(
            f"{path} lacks the columns {', '.join(missing)}.",
            "Materialise the asset that makes it again.",
        )
    return table


def read_provenance(path: Path) -> Provenance:
    """The provenance that :func:`write_table` kept in ``path``."""
    import pyarrow.parquet as pq

    own: dict[str, Any] = json.loads(pq.read_schema(path).metadata[b"jarvis"])
    return Provenance(**own)
