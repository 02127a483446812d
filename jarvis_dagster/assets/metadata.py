"""What assets say about what they made: links, pictures, tables, durations."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import time
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pandas as pd

    from jarvis_dagster.hockey.tables import Provenance
    from jarvis_dagster.services.storage import ObjectRef
    from jarvis_dagster.settings import Settings

__all__ = [
    "columns",
    "kept",
    "listed",
    "markdown_image",
    "preview",
    "provenance_of",
    "row_count",
    "seconds_of",
]

_MOST_PICTURE_BYTES = 200_000  # it lives in the event log
_UNITS = {
    "_px": "pixels of the upright frame",
    "_s": "seconds from the first frame",
    "_ft": "feet on the rink",
    "_ftps": "feet a second",
}
_HASH_DIGITS = 12  # enough to compare by eye; the store verifies the whole hash


def kept(*refs: ObjectRef) -> dict[str, Any]:
    """Metadata that names stored objects, each verified when it was stored."""
    return {
        "object": dg.MetadataValue.path(refs[0].url),
        "objects": listed((ref.url, ref.size, ref.sha256) for ref in refs),
    }


def listed(files: Iterable[tuple[str, int, str]]) -> dg.MetadataValue:
    """A table of files: name, size in bytes, SHA-256."""
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"file": name, "bytes": size, "sha256": sha256[:_HASH_DIGITS]})
            for name, size, sha256 in files
        ],
        schema=dg.TableSchema(
            [
                dg.TableColumn("file", "string"),
                dg.TableColumn("bytes", "int"),
                dg.TableColumn("sha256", "string", description="Its first digits."),
            ]
        ),
    )


def columns(schema: dict[str, str]) -> dict[str, Any]:
    """Metadata of an asset that is a table: its columns, their types and units."""
    return {
        "dagster/column_schema": dg.TableSchema(
            [dg.TableColumn(name, kind, description=_unit(name)) for name, kind in schema.items()]
        )
    }


def _unit(name: str) -> str | None:
    """The unit that the end of a column's name stands for."""
    return next((text for ending, text in _UNITS.items() if name.endswith(ending)), None)


def row_count(table: pd.DataFrame) -> dict[str, Any]:
    """Metadata of a materialised table: how many rows it has."""
    return {"dagster/row_count": len(table)}


def preview(table: pd.DataFrame, rows: int = 10) -> dg.MetadataValue:
    """The first rows of a table."""
    if table.empty:
        return dg.MetadataValue.text("no rows")
    return dg.MetadataValue.md(_markdown(table.head(rows)))


def _markdown(table: pd.DataFrame) -> str:
    def cell(value: object) -> str:
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        return text.replace("|", "\\|").replace("\n", " ")[:80]

    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|---" * len(table.columns) + "|"]
    lines += [
        "| " + " | ".join(cell(value) for value in row) + " |"
        for row in table.itertuples(index=False)
    ]
    return "\n".join(lines)


def markdown_image(path: Path) -> dg.MetadataValue:
    """A picture that the asset's page shows; a large one is only named."""
    data = path.read_bytes()
    if len(data) > _MOST_PICTURE_BYTES:
        return dg.MetadataValue.text(f"{path.name} ({len(data)} bytes, in the object store)")
    kind = "png" if path.suffix == ".png" else "jpeg"
    return dg.MetadataValue.md(
        f"![{path.stem}](data:image/{kind};base64,{base64.b64encode(data).decode()})"
    )


def provenance_of(
    settings: Settings,
    source: dict[str, Any],
    model_version: str,
    corrections_sha256: str = "",
    *,
    adapted: str = "",
) -> Provenance:
    """What made a table: the video, the model, the settings, and what a person corrected.

    Args:
        adapted: What the Autopilot changed for the camera is known by; it makes other settings.
    """
    from jarvis_dagster.hockey.tables import Provenance

    config = settings.vision_sha256
    if adapted:
        config = hashlib.sha256(f"{config} {adapted}".encode()).hexdigest()
    return Provenance(source["sha256"], model_version, config, corrections_sha256)


@contextlib.contextmanager
def seconds_of() -> Iterator[Callable[[], float]]:
    """Seconds since the block began, as a function."""
    start = time.perf_counter()
    yield lambda: round(time.perf_counter() - start, 2)
