"""The index file: its tables, and how it is opened and checked.

Belongs here: what is on the disk. Does not belong here: what is written into it
(``store.py``), how it is asked (``index.py``).
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["COLUMNS", "connect", "create", "is_damage", "is_ours", "problem"]

_APPLICATION = 0x4A525653  # "JRVS"
_VERSION = 1
"""Raised when the tables change: an index of another version is built again."""

COLUMNS = ("name", "about", "folder", "text")
"""What is searched in, as columns of the full-text index."""

_TABLES = """
CREATE TABLE drive (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    token TEXT,                           -- of the changes not seen yet; NULL: list everything
    generation INTEGER NOT NULL DEFAULT 0,  -- of the last full listing
    readers_at REAL NOT NULL DEFAULT 0,   -- when all files were asked who may see them
    indexed_at REAL NOT NULL DEFAULT 0    -- when the last run was complete
);
CREATE TABLE readers (                    -- sets of those who may see a file
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
);
CREATE TABLE reader (
    principal TEXT NOT NULL,              -- person:ann@example.org, domain:example.org
    readers_id INTEGER NOT NULL REFERENCES readers,
    until REAL,                           -- NULL: does not end by itself
    PRIMARY KEY (principal, readers_id)
) WITHOUT ROWID;
CREATE TABLE content (                    -- what a file says; the same bytes are read once
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,
    promised TEXT NOT NULL,               -- the format it was read as
    text TEXT NOT NULL,
    about TEXT NOT NULL,
    truncated INTEGER NOT NULL,
    reason TEXT NOT NULL,                 -- why there is no text
    reader_version INTEGER NOT NULL,
    UNIQUE (sha256, promised)
);
CREATE TABLE file (
    id INTEGER PRIMARY KEY,
    drive_id INTEGER NOT NULL REFERENCES drive,
    file_id TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    is_folder INTEGER NOT NULL,
    path TEXT NOT NULL,
    path_key TEXT NOT NULL,               -- /folder/name, case folded
    name TEXT NOT NULL,                   -- its words, as they are indexed
    folder TEXT NOT NULL,                 -- the words of its folders
    kind TEXT NOT NULL,
    extension TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    version TEXT NOT NULL,                -- of the content that is indexed
    modified REAL NOT NULL,
    content_id INTEGER REFERENCES content,
    readers_id INTEGER NOT NULL REFERENCES readers,
    shared_here INTEGER NOT NULL,         -- who sees it was set here, not above
    generation INTEGER NOT NULL,
    state TEXT NOT NULL,                  -- text | name | unreadable | later
    reason TEXT NOT NULL,
    UNIQUE (drive_id, file_id)
);
CREATE INDEX file_parent ON file (drive_id, parent_id);
CREATE INDEX file_content ON file (content_id);
CREATE INDEX file_state ON file (state) WHERE state IN ('unreadable', 'later');
CREATE INDEX file_readers ON file (readers_id);
CREATE INDEX file_folders ON file (readers_id) WHERE is_folder;
CREATE VIEW document AS
    SELECT file.id, file.name, coalesce(content.about, '') AS about, file.folder,
        coalesce(content.text, '') AS text
    FROM file LEFT JOIN content ON content.id = file.content_id;
CREATE VIRTUAL TABLE words USING fts5 (
    name, about, folder, text,
    content = document, content_rowid = id, tokenize = 'unicode61 remove_diacritics 2'
);
INSERT INTO readers VALUES (0, '');       -- nobody but the operator
"""


def connect(path: Path, *, write: bool) -> sqlite3.Connection:
    """A connection to a file that exists."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=30,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.row_factory = sqlite3.Row
    if write:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")
    else:
        connection.execute("PRAGMA query_only = ON")
    return connection


def create(connection: sqlite3.Connection) -> None:
    """Make the tables, all or none."""
    connection.executescript(
        f"BEGIN IMMEDIATE; {_TABLES}"
        f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_VERSION}; COMMIT;"
    )


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the tables are there, of this version."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    return (application, version) == (_APPLICATION, _VERSION)


def problem(connection: sqlite3.Connection) -> str:
    """What is wrong with the file, found by reading all of it; empty if nothing is."""
    try:
        said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            return str(said)
        connection.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError as error:
        return str(error)
    return ""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, as opposed to busy, full or not readable."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False
    return (code & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
