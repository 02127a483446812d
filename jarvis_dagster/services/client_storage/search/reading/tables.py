"""Parquet tables, such as the ledger of events.

Belongs here: which rows and words of a table are text. Does not belong here:
CSV, which is text as it is (``plain.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.client_storage.search.reading.sink import Sink, UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_parquet"]

_ROWS = 20_000
_BATCH_ROWS = 1024


def read_parquet(path: Path, sink: Sink) -> None:
    """A table of up to 20,000 rows, row by row; of a longer one its distinct words.

    A longer one is a measurement (a position a frame): its numbers are no text.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            sink.about.append(" ".join(names))
            if file.metadata.num_rows <= _ROWS:
                _rows(file, sink)
            else:
                _words(file, [f.name for f in file.schema_arrow if _is_text(f.type)], sink)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableError(f"is not a whole table ({str(error)[:200]})") from error


def _rows(file: Any, sink: Sink) -> None:
    for batch in file.iter_batches(_BATCH_ROWS):
        for row in batch.to_pylist():
            sink.line(" ".join(_cell(value) for value in row.values() if value not in (None, "")))


def _words(file: Any, columns: list[str], sink: Sink) -> None:
    seen: set[str] = set()
    for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
        for column in batch.columns:
            for value in column.unique().to_pylist():
                if value and value not in seen and len(seen) < 100_000:
                    seen.add(value)
                    sink.line(str(value))


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
