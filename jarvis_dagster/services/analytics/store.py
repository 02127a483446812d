"""Keeps metrics so that a process that ends at once loses none of them.

Belongs here: one SQLite file that all processes of a machine add to. Does not belong here: names
and units (``service.py``), its series as Prometheus reads them (``families.py``), HTTP
(``endpoint.py``).

A database and not prometheus-client's multi-process files, because each run is
a process: those leave three files a process for ever, and choose their mode for
the whole interpreter at import.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, PermanentError, TransientError
from jarvis_dagster.services.analytics.families import BUCKETS, family
from jarvis_dagster.services.sqlite_log import use_log

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from prometheus_client import Metric

__all__ = ["FOLDED", "OTHER", "MetricStore"]

OTHER = "other"
"""The value of a label that stands for all that came after the limit."""
FOLDED = "jarvis_metric_labels_folded"
"""The counter of what was logged under :data:`OTHER`."""
_SERIES_PER_VALUE = 10
_REMEMBERED_S = 40 * 86_400

_SCHEMA = """
CREATE TABLE IF NOT EXISTS metric (
    name TEXT PRIMARY KEY, kind TEXT NOT NULL, labels TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS series (
    name TEXT NOT NULL, label_values TEXT NOT NULL, part TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (name, label_values, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS label_value (
    name TEXT NOT NULL, label TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (name, label, value)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (
    name TEXT NOT NULL, id TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (name, id)
) WITHOUT ROWID;
"""


class MetricStore:
    """Metrics in ``metrics.sqlite3`` of a folder; safe for threads and processes.

    Args:
        values: How many values a label of one metric may have; what comes after is folded into
            :data:`OTHER` and counted. A label that is of nobody's making (a video, a path) can
            then neither fill the disk nor Prometheus.
    """

    def __init__(self, directory: Path, values: int = 100) -> None:
        self._path = directory / "metrics.sqlite3"
        self._values = values
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None and self._pid == os.getpid():
                self._connection.close()
            self._connection = None

    def set(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Set a gauge."""
        self._write("gauge", name, labels, {"value": value}, add=False)

    def add(
        self, name: str, labels: Mapping[str, str], value: float, event_id: str | None = None
    ) -> None:
        """Add to a counter; the same event once."""
        self._write("counter", name, labels, {"value": value}, add=True, event_id=event_id)

    def observe(
        self, name: str, labels: Mapping[str, str], value: float, event_id: str | None = None
    ) -> None:
        """Add an observation to a histogram; the same event once."""
        bound = next((bound for bound in BUCKETS if value <= bound), float("inf"))
        parts = {"sum": value, f"le:{bound!r}": 1.0}
        self._write("histogram", name, labels, parts, add=True, event_id=event_id)

    def forget(self, name: str, keep: Collection[Mapping[str, str]]) -> None:
        """Drop the series of a gauge but those of ``keep``: what they were of is gone."""
        with self._open() as connection, connection:
            known = connection.execute(
                "SELECT labels FROM metric WHERE name = ? AND kind = 'gauge'", (name,)
            ).fetchone()
            if known is None:
                return
            names = json.loads(known[0])
            kept = {json.dumps([labels[key] for key in names]) for labels in keep}
            gone = [
                (name, values)
                for (values,) in connection.execute(
                    "SELECT DISTINCT label_values FROM series WHERE name = ?", (name,)
                )
                if values not in kept
            ]
            connection.executemany("DELETE FROM series WHERE name = ? AND label_values = ?", gone)
            for at, key in enumerate(names):
                left = {json.loads(values)[at] for values in kept}
                connection.executemany(
                    "DELETE FROM label_value WHERE name = ? AND label = ? AND value = ?",
                    [
                        (name, key, value)
                        for value in {json.loads(values)[at] for _, values in gone} - left
                    ],
                )

    def _write(
        self,
        kind: str,
        name: str,
        labels: Mapping[str, str],
        parts: Mapping[str, float],
        *,
        add: bool,
        event_id: str | None = None,
    ) -> None:
        names = sorted(labels)
        values = json.dumps([labels[key] for key in names])
        update = "value + excluded.value" if add else "excluded.value"
        with self._open() as connection, connection:
            # The write lock comes first: what is looked up below then holds until the end.
            connection.execute(
                "INSERT INTO metric VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (name, kind, json.dumps(names)),
            )
            known = connection.execute(
                "SELECT kind, labels FROM metric WHERE name = ?", (name,)
            ).fetchone()
            _require_same(name, kind, names, known[0], json.loads(known[1]))
            if event_id is not None and not _is_first(connection, name, event_id):
                return
            if names and not _has(connection, name, values):
                values = self._bounded(connection, name, labels)
            connection.executemany(
                "INSERT INTO series VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "  # noqa: S608
                f"SET value = {update}",
                [(name, values, part, value) for part, value in parts.items()],
            )

    def _bounded(self, connection: sqlite3.Connection, name: str, labels: Mapping[str, str]) -> str:
        """The label values of a series that is new, folded where there are too many."""
        kept = {
            label: value if self._has_room(connection, name, label, value) else OTHER
            for label, value in labels.items()
        }
        (series,) = connection.execute(
            "SELECT count(DISTINCT label_values) FROM series WHERE name = ?", (name,)
        ).fetchone()
        if series >= _SERIES_PER_VALUE * self._values:
            kept = dict.fromkeys(labels, OTHER)
        if kept != dict(labels):
            connection.execute(
                "INSERT INTO metric VALUES (?, 'counter', '[\"metric\"]') ON CONFLICT DO NOTHING",
                (FOLDED,),
            )
            connection.execute(
                "INSERT INTO series VALUES (?, ?, 'value', 1) ON CONFLICT DO UPDATE"
                " SET value = value + 1",
                (FOLDED, json.dumps([name])),
            )
        return json.dumps([kept[key] for key in sorted(kept)])

    def _has_room(self, connection: sqlite3.Connection, name: str, label: str, value: str) -> bool:
        """Whether a label may have that value; it is remembered if so."""
        known = connection.execute(
            "SELECT 1 FROM label_value WHERE name = ? AND label = ? AND value = ?",
            (name, label, value),
        ).fetchone()
        if known or value == OTHER:
            return True
        (count,) = connection.execute(
            "SELECT count(*) FROM label_value WHERE name = ? AND label = ?", (name, label)
        ).fetchone()
        if count >= self._values:
            return False
        connection.execute("INSERT INTO label_value VALUES (?, ?, ?)", (name, label, value))
        return True

    def collect(self) -> Iterator[Metric]:
        """All metrics, as Prometheus reads them."""
        with self._open() as connection:
            metrics = connection.execute("SELECT name, kind, labels FROM metric").fetchall()
            rows = connection.execute(
                "SELECT name, label_values, part, value FROM series ORDER BY name, label_values"
            ).fetchall()
        series: dict[str, dict[str, dict[str, float]]] = {}
        for name, values, part, value in rows:
            series.setdefault(name, {}).setdefault(values, {})[part] = value
        for name, kind, labels in metrics:
            yield family(name, kind, json.loads(labels), series.get(name, {}))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                if self._connection is None or self._pid != os.getpid():  # made before a fork
                    self._connection, self._pid = self._connect(), os.getpid()
                yield self._connection
            except sqlite3.OperationalError as error:
                busy = "locked" in str(error) or "busy" in str(error)
                raise (TransientError if busy else PermanentError)(
                    f"{self._path} cannot be used ({error}).",
                    "Check the folder's permissions and the free space.",
                ) from error
            except sqlite3.DatabaseError as error:
                raise PermanentError(
                    f"{self._path} is damaged ({error}).", "Move it away; counters start at 0."
                ) from error

    def _connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PermanentError(
                f"{self._path.parent} cannot be made ({error.strerror}).",
                "Check analytics.directory.",
            ) from error
        connection = sqlite3.connect(self._path, timeout=20, check_same_thread=False)
        use_log(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(_SCHEMA)
        return connection


def _has(connection: sqlite3.Connection, name: str, values: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM series WHERE name = ? AND label_values = ? LIMIT 1", (name, values)
    )
    return found.fetchone() is not None


def _is_first(connection: sqlite3.Connection, name: str, event_id: str) -> bool:
    """Whether that event was not counted yet; it is now, in one transaction with its value."""
    now = time.time()
    added = connection.execute(
        "INSERT INTO event VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (name, event_id, now)
    ).rowcount
    if added and event_id.endswith("0"):  # now and then
        connection.execute("DELETE FROM event WHERE at < ?", (now - _REMEMBERED_S,))
    return bool(added)


def _require_same(
    name: str, kind: str, labels: list[str], known_kind: str, known_labels: list[str]
) -> None:
    if kind != known_kind:
        raise BadInputError(
            f"{name} is a {known_kind}, not a {kind}.", "Use another name for the new metric."
        )
    if labels != known_labels:
        raise BadInputError(
            f"{name} has the labels {known_labels}, not {labels}.",
            "Use the same labels every time, or another name.",
        )
