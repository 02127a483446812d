"""The search over 20,000 documents against tantivy and a plain scan, in the same run.

    python benchmarks/search.py [--documents 20000] [--queries 200]

Documents of a Zipf vocabulary are written to a folder in 200 sub-folders, shared with
different people, and indexed as a drive: listed, fetched, hashed, read in the limited
process, indexed. Then 10 of them change. tantivy (a library in Rust) gets the same
texts, already read, in a thread of its own choosing and answers the same queries with
scores and snippets; ``grep`` reads every file for every query. tantivy cannot tell who
may see what; our queries are measured as the operator and as a person who sees half.

Times are processor time (user and system, children included), so that a busy machine
does not change them much; of grep the wall clock too.
"""

from __future__ import annotations

import argparse
import itertools
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track
from rich.table import Table

from jarvis_dagster.services.client_storage import LocalFolderDrive, Permission
from jarvis_dagster.services.client_storage.search import SearchIndex, index_drive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WORDS, FOLDERS = 40_000, 200
ASKER = "ann@club.org"
KINDS = ("common word", "rare word", "two words", "phrase", "prefix", "name")
EXTENSIONS = ("txt", "md", "csv", "srt", "html", "json")


class SharedFolder(LocalFolderDrive):
    """A folder of which every second sub-folder is shared with one person."""

    can_share = True

    def permissions(self, file_id: str) -> Sequence[Permission]:
        folder = file_id.partition("/")[0]
        is_shared = folder.isdecimal() and int(folder) % 2 == 0
        return [Permission("", "person", ASKER, "reader", inherited=True)] if is_shared else []


def spent() -> float:
    """Seconds of processor time of this process and its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def vocabulary(chance: random.Random) -> list[str]:
    syllables = [c + v + e for c in "bdfgklmnprst" for v in "aeiou" for e in ("", "n", "r", "s")]
    words: dict[str, None] = {}
    while len(words) < WORDS:
        words["".join(chance.choices(syllables, k=chance.choice((2, 2, 3, 3, 4))))] = None
    return list(words)


def write_documents(root: Path, count: int, chance: random.Random) -> list[tuple[str, str]]:
    """Path and text of every document, which are on the disk as well."""
    words = vocabulary(chance)
    weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(len(words))))
    documents = []
    for number in range(FOLDERS):
        (root / str(number)).mkdir(parents=True)
    for number in track(range(count), "Writing documents"):
        said = chance.choices(words, cum_weights=weights, k=chance.randrange(80, 400))
        extension = EXTENSIONS[number % len(EXTENSIONS)]
        path = f"{number % FOLDERS}/{said[0]}_{said[1]}_{number}.{extension}"
        lines = [" ".join(said[start : start + 12]) for start in range(0, len(said), 12)]
        text = "\n".join(lines)
        if extension == "html":
            text = f"<html><body><p>{'</p><p>'.join(lines)}</p></body></html>"
        elif extension == "json":
            text = "[" + ",".join(f'"{line}"' for line in lines) + "]"
        (root / path).write_text(text)
        documents.append((path, "\n".join(lines)))
    return documents


def make_queries(
    documents: list[tuple[str, str]], count: int, chance: random.Random
) -> dict[str, list[str]]:
    queries: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for _ in range(count):
        path, text = chance.choice(documents)
        words = text.split()
        at = chance.randrange(len(words) - 3)
        queries["common word"].append(min(words[at : at + 12], key=len))
        queries["rare word"].append(max(words, key=len))
        queries["two words"].append(f"{words[at]} {words[-at - 1]}")
        queries["phrase"].append(f'"{words[at]} {words[at + 1]}"')
        queries["prefix"].append(f"{words[at][:4]}*")
        queries["name"].append(path.rpartition("/")[2].partition("_")[0])
    return queries


def time_each(ask: Callable[[str], int], queries: list[str]) -> tuple[list[float], int]:
    """Milliseconds of each query, and hits in all."""
    times, hits = [], 0
    for query in queries:
        began = time.process_time()
        hits += ask(query)
        times.append(1000 * (time.process_time() - began))
    return times, hits


class Tantivy:
    """The peer: path and text, stored, with positions."""

    def __init__(self, folder: Path, documents: list[tuple[str, str]]) -> None:
        import tantivy

        self._library = tantivy
        schema = tantivy.SchemaBuilder()
        schema.add_text_field("path", stored=True)
        schema.add_text_field("text", stored=True)
        self._schema = schema.build()
        folder.mkdir()
        self._index = tantivy.Index(self._schema, str(folder))
        writer = self._index.writer()
        for path, text in documents:
            writer.add_document(tantivy.Document(path=path.replace("_", " "), text=text))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()

    def ask(self, query: str) -> int:
        """Find, and make the snippets."""
        searcher = self._index.searcher()
        if query.endswith("*"):
            parsed = self._library.Query.regex_query(self._schema, "text", query[:-1] + ".*")
        else:
            said = query if query.startswith('"') else " AND ".join(query.split())
            parsed = self._index.parse_query(said, ["path", "text"], {"path": 10.0})
        make = self._library.SnippetGenerator.create(searcher, parsed, self._schema, "text")
        found = searcher.search(parsed, 20).hits
        for _, address in found:
            make.snippet_from_doc(searcher.doc(address)).to_html()
        return len(found)


def scan(root: Path, query: str) -> int:
    """What a shell would do."""
    program = shutil.which("grep") or sys.exit("grep is not here")
    said = query.strip('"*')
    done = subprocess.run(
        [program, "-rliwF", "--", said, str(root)], capture_output=True, text=True, check=False
    )
    return done.stdout.count("\n")


def measure_indexing(
    console: Console, work: Path, documents: list[tuple[str, str]]
) -> tuple[SearchIndex, Tantivy]:
    root = work / "drive"
    drive, index = SharedFolder(root), SearchIndex(work / "index")
    table = Table("indexing", "processor s", "wall s", "files a s", "MB on disk")

    def row(what: str, began: tuple[float, float], files: int, folder: Path) -> None:
        cpu, wall = spent() - began[0], time.monotonic() - began[1]
        size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        table.add_row(what, f"{cpu:.2f}", f"{wall:.2f}", f"{files / wall:,.0f}", f"{size:.0f}")

    began = spent(), time.monotonic()
    report = index_drive(
        index,
        "bench",
        drive,
        progress=lambda done, total: (
            console.print(f"Indexing {done:,} of {total:,}") if done % 5000 == 0 else None
        ),
    )
    row("ours: list, fetch, read, index", began, report.fetched, work / "index")
    began = spent(), time.monotonic()
    index_drive(index, "bench", drive)
    row("ours: nothing changed", began, 0, work / "index")
    for path, text in documents[:10]:
        (root / path).write_text(text + " changed")
    began = spent(), time.monotonic()
    report = index_drive(index, "bench", drive)
    row("ours: 10 files changed", began, report.fetched, work / "index")
    began = spent(), time.monotonic()
    peer = Tantivy(work / "tantivy", documents)
    row("tantivy: index texts in memory", began, len(documents), work / "tantivy")
    console.print(table)
    return index, peer


def measure_queries(
    console: Console, index: SearchIndex, peer: Tantivy, root: Path, queries: dict[str, list[str]]
) -> None:
    table = Table("query", "who", "median ms", "p95 ms", "hits", "time / tantivy")
    for kind, asked in queries.items():
        base = 0.0
        engines: dict[str, Callable[[str], int]] = {
            "tantivy": peer.ask,
            "ours": lambda query: len(index.search(query)),
            "ours, one person": lambda query: len(index.search(query, asker=ASKER)),
        }
        for name, ask in engines.items():
            for query in asked[:5]:
                ask(query)
            times, hits = time_each(ask, asked)
            middle = statistics.median(times)
            base = base or middle
            p95 = statistics.quantiles(times, n=20)[-1]
            ratio = f"{middle / base:.2f}"
            table.add_row(kind, name, f"{middle:.2f}", f"{p95:.2f}", f"{hits:,}", ratio)
        began = time.monotonic()
        hits = sum(scan(root, query) for query in asked[:3])
        each = 1000 * (time.monotonic() - began) / 3
        ratio = f"{each / base:,.0f} (wall)"
        table.add_row(kind, "grep -rliwF", f"{each:,.0f}", "", f"{hits:,} of 3", ratio)
        table.add_section()
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=200, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance, console = random.Random(options.seed), Console(width=110)  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        documents = write_documents(work / "drive", options.documents, chance)
        size = sum(len(text) for _, text in documents) / 1e6
        console.print(f"{len(documents):,} documents, {size:.0f} MB of text")
        index, peer = measure_indexing(console, work, documents)
        queries = make_queries(documents, options.queries, chance)
        measure_queries(console, index, peer, work / "drive", queries)


if __name__ == "__main__":
    main()
