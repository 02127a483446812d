"""MOTChallenge text files: read and write.

Belongs here: parsing with messages that name the file and the line, and
writing rows that any MOTChallenge tool reads. Does not belong here: tracking,
metrics.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__all__ = ["MOT_COLUMNS", "read_mot", "write_mot"]

MOT_COLUMNS = ("frame", "id", "x", "y", "w", "h", "score", "class", "visibility", "extra")
_REQUIRED = 6
_WIDEST = 16
_REMEDY = "Rows are frame,id,x,y,w,h[,score[,class[,visibility]]]."
_LARGEST = {0: 2**31 - 1, 1: 2**53}  # frames of the tables; what a float holds exactly


def read_mot(path: Path) -> pd.DataFrame:
    """Read MOTChallenge rows, plain or gzipped, comma or white-space separated.

    Rows may be unsorted and may lack the columns behind ``h``. Rows that hold
    no box (a coordinate that is not finite, a width or height of 0 or less)
    are left out and counted in ``attrs["skipped"]``.

    Returns:
        Columns ``frame`` and ``id`` (int64), ``x y w h`` in pixels, ``score``
        (1 where missing or negative; divided by the largest when above 1),
        ``class`` (int64, -1 where missing), in the file's order.

    Raises:
        BadInputError: not readable as text, a row has fewer than six columns
            or holds something that is not a number; names file and line.
    """
    import numpy as np
    import pandas as pd

    raw = _raw_cells(path)
    if raw is None:
        empty = pd.DataFrame({name: pd.Series(dtype="float64") for name in MOT_COLUMNS[:8]})
        empty = empty.astype({"frame": "int64", "id": "int64", "class": "int64"})
        empty.attrs["skipped"] = 0
        return empty
    numbers = raw.apply(pd.to_numeric, errors="coerce")
    written = raw.notna() & (raw.apply(lambda column: column.str.strip()) != "")
    rows = written.any(axis=1)
    _check_cells(path, raw, numbers, written, rows)
    table = numbers.loc[rows, list(range(8))]
    table.columns = pd.Index(MOT_COLUMNS[:8])
    values = table[["x", "y", "w", "h"]].to_numpy()
    usable = np.isfinite(values).all(axis=1) & (values[:, 2:] > 0).all(axis=1)
    usable &= np.isfinite(table[["frame", "id"]].to_numpy()).all(axis=1)
    skipped = int((~usable).sum())
    table = table.loc[usable].reset_index(drop=True)
    score = table["score"].to_numpy(dtype=np.float64)
    score = np.where(np.isfinite(score) & (score >= 0), score, 1.0)
    if len(score) and score.max() > 1:
        score = score / score.max()
    table["score"] = score
    table["class"] = table["class"].fillna(-1).clip(-1, 2**31)
    table = table.astype({"frame": "int64", "id": "int64", "class": "int64"})
    table.attrs["skipped"] = skipped
    return table


def _raw_cells(path: Path) -> pd.DataFrame | None:
    """Every cell as text, one row a line; ``None`` for a file without rows."""
    import pandas as pd

    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        text = data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise BadInputError(f"{path} does not exist.", "Check the path.") from error
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} cannot be read as text ({error}).", _REMEDY) from error
    if not text.strip():
        return None
    import io

    first = next(line for line in text.splitlines() if line.strip())
    separator = next((mark for mark in ",;\t" if mark in first), r"\s+")
    try:
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            names=list(range(_WIDEST)),
            dtype=str,
            keep_default_na=False,
            na_values=[""],
            skip_blank_lines=False,
            quoting=3,
        )
    except (pd.errors.ParserError, ValueError) as error:
        raise BadInputError(f"{path} is not a MOTChallenge file ({error}).", _REMEDY) from error


def _check_cells(
    path: Path,
    raw: pd.DataFrame,
    numbers: pd.DataFrame,
    written: pd.DataFrame,
    rows: pd.Series,
) -> None:
    short = rows & ~written[list(range(_REQUIRED))].all(axis=1)
    if short.any():
        line = int(short.to_numpy().argmax())
        raise BadInputError(
            f"{path}, line {line + 1}: fewer than {_REQUIRED} columns.",
            _REMEDY,
        )
    nan_text = raw.apply(lambda column: column.str.strip().str.lower().isin(["nan", "-nan"]))
    bad = (written & numbers.isna() & ~nan_text)[list(range(8))]
    if bad.any(axis=None):
        line = int(bad.any(axis=1).to_numpy().argmax())
        cell = int(bad.iloc[line].to_numpy().argmax())
        raise BadInputError(
            f"{path}, line {line + 1}: {raw.iloc[line, cell]!r} is not a number.",
            _REMEDY,
        )
    whole = numbers.loc[rows, [0, 1]]
    broken = ((whole % 1 != 0) & whole.notna() & ~whole.isin([float("inf"), float("-inf")])) | (
        whole.abs() > _LARGEST
    )
    if broken.any(axis=None):
        line = int(broken.index[broken.any(axis=1)][0])
        raise BadInputError(
            f"{path}, line {line + 1}: frame and id must be whole numbers"
            " (frame below 2^31, id below 2^53).",
            _REMEDY,
        )


def write_mot(table: pd.DataFrame, path: Path) -> None:
    """Write rows ``frame,id,x,y,w,h,score,class,-1,-1``, sorted by frame and id.

    Args:
        table: columns ``frame, id, x, y, w, h`` and optionally ``score`` (1
            where missing) and ``class`` (-1 where missing).
        path: replaced as a whole; a reader never sees half a file.
    """
    rows = table.sort_values(["frame", "id"], kind="stable")
    count = len(rows)
    out = rows[["frame", "id", "x", "y", "w", "h"]].copy()
    out["score"] = rows["score"] if "score" in rows else [1.0] * count
    out["class"] = rows["class"] if "class" in rows else [-1] * count
    out[["x", "y", "w", "h"]] = out[["x", "y", "w", "h"]].round(2)
    out["score"] = out["score"].round(4)
    out["a"] = -1
    out["b"] = -1
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".tmp")
    out.to_csv(partial, header=False, index=False, lineterminator="\n")
    partial.replace(path)
