"""What people type: words, phrases, filters, and whatever else finds its way in."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.search import SearchIndex, index_drive, indexing
from jarvis_dagster.services.client_storage.search.query import Words, parse
from jarvis_dagster.services.client_storage.search.snippets import snippet
from jarvis_dagster.services.client_storage.search.text import normal, words_of_name
from tests.search.conftest import InProcess
from tests.search.shared_drive import SharedDrive

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = {
    "Jarvis AI/Results/Leafs-Bruins/report.html": b"<title>Leafs at Bruins</title><p>Rush by A",
    "Jarvis AI/Results/Leafs-Bruins/events.csv": b"type,start_s\nzone_entry,12.5\n",
    "Jarvis AI/Uploads/GameReport12.mp4": b"x",
    "Plans/powerplay.txt": b"The umbrella power play needs a quick umbrella pass",
    "Plans/umbrella.txt": b"Drill",
    "Plans/Torh\u00fcter.md": "Übung für Torhüter: R&D, C++ und 3-on-2. \ufb01nal".encode(),
    "Plans/cafe\u0301.txt": "Tre\u0301sor".encode(),
    "Plans/\u51b0\u7403.txt": "\u4eca\u5929\u7684\u51b0\u7403\u6bd4\u8d5b".encode(),
    "Plans/quotes.txt": b'He said "AND" or NEAR(net 5) * name:x ^ {a b} -- col:y',
}


@pytest.fixture(scope="module")
def index() -> Iterator[SearchIndex]:
    drive = SharedDrive()
    folders: dict[str, str] = {"": ""}
    for path, content in FILES.items():
        parent = ""
        *parts, name = path.split("/")
        for depth, part in enumerate(parts, 1):
            here = "/".join(parts[:depth])
            if here not in folders:
                folders[here] = drive.add(part, None, parent)
            parent = folders[here]
        drive.add(name, content, parent)
    folder = Path(tempfile.mkdtemp())
    one = SearchIndex(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indexing, "Extractor", InProcess)
        index_drive(one, "cloud", drive)
    yield one
    one.close()
    shutil.rmtree(folder)


def names(index: SearchIndex, query: str, **filters: object) -> list[str]:
    hits = index.search(query, **filters)  # type: ignore[arg-type]
    return [hit.path.rpartition("/")[2] for hit in hits]


def ask(index: SearchIndex, query: str) -> None:
    """Ask; a query without a word may be refused, and nothing else may happen."""
    with contextlib.suppress(BadInputError):
        index.search(query)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("umbrella", ["umbrella.txt", "powerplay.txt"]),  # the name weighs more
        ("umbrella power", ["powerplay.txt"]),
        ('"umbrella pass"', ["powerplay.txt"]),
        ('"pass umbrella"', []),
        ("\u201cumbrella pass\u201d", ["powerplay.txt"]),
        ("umb*", ["umbrella.txt", "powerplay.txt"]),
        ('"quick umb"*', ["powerplay.txt"]),
        ("umb", []),
        ("umbrella -power", ["umbrella.txt"]),
        ('umbrella -"power play"', ["umbrella.txt"]),
        ("report type:video", ["GameReport12.mp4"]),
        ("report type:documents", ["report.html"]),
        ("report -type:video", ["report.html"]),
        ("type:csv", ["events.csv"]),
        ("type:.CSV,mp4 in:jarvis*", []),
        ("in:uploads", ["GameReport12.mp4"]),
        ('in:"Jarvis AI/Results" rush', ["report.html"]),
        ("rush in:uploads", []),
        ("leafs report rush", ["report.html"]),  # folder, name and text together
        ("zone entry", ["events.csv"]),
        ("zone_entry", ["events.csv"]),
        ("game report 12", ["GameReport12.mp4"]),
        ("gamereport12.mp4", ["GameReport12.mp4"]),
        ("torhuter", ["Torh\u00fcter.md"]),
        ("TORHU\u0308TER", ["Torh\u00fcter.md"]),
        ("final", ["Torh\u00fcter.md"]),  # a ligature in the text
        ("tresor", ["caf\u00e9.txt"]),
        ("caf\u00e9", ["caf\u00e9.txt"]),
        ("r&d", ["Torh\u00fcter.md"]),
        ("3-on-2", ["Torh\u00fcter.md"]),
        ("\u51b0\u7403", ["\u51b0\u7403.txt"]),
        ("\u6bd4\u8d5b", ["\u51b0\u7403.txt"]),
        ("\u7403\u51b0", []),
        ("near net", ["quotes.txt"]),
    ],
)
def test_queries(index: SearchIndex, query: str, found: list[str]) -> None:
    assert [name for name in names(index, query) if "." in name] == found


@pytest.mark.parametrize(
    "query",
    [
        *(
            "AND",
            "a OR b",
            "NOT a",
            "NEAR(a b)",
            "NEAR(",
            "name:report",
            "text : a",
            "^a",
            "{a}: b",
        ),
        *('"', '""""', '"a', 'a"b"c', "a*b", "*", "**", "(", ")", "a AND", "-", "--", "-a", '-"'),
        *("'; DROP TABLE file; --", "a\x00b", "\ud800", "%_", "\\", "a:b:c", "type:", "in:", "+a"),
        *("type:'x", 'in:"', "\u200b", "\u202ea", "a" * 1000, "(" * 500, '"a" ' * 200, "-a " * 300),
    ],
)
def test_no_query_is_an_error_of_the_index(index: SearchIndex, query: str) -> None:
    ask(index, query)


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet=st.sampled_from("ab \"*-:^(){}+'\\ANDORNOTEARtypein.,\x00é冰"), max_size=40)
)
def test_any_text_is_a_query_or_refused(index: SearchIndex, query: str) -> None:
    ask(index, query)


def test_signs_of_the_index_language_are_only_text(index: SearchIndex) -> None:
    assert names(index, '"AND" or near name') == ["quotes.txt"]
    assert names(index, "name:umbrella") == []


@pytest.mark.parametrize("query", ["", " ", "!!! ---", "-a", '""', "a" * 1001])
def test_nothing_to_look_for_is_refused(index: SearchIndex, query: str) -> None:
    with pytest.raises(BadInputError):
        index.search(query)


def test_filters_of_the_call(index: SearchIndex) -> None:
    assert names(index, "report", kinds=["videos"]) == ["GameReport12.mp4"]
    assert names(index, "report", kinds=["pdf"]) == []
    assert names(index, "report", folder="Jarvis AI/Results") == ["report.html"]
    assert names(index, "report", folder="Results") == []
    assert names(index, "report", drive="other") == []
    folders = names(index, "type:folder", folder="Jarvis AI/")
    assert sorted(folders) == ["Leafs-Bruins", "Results", "Uploads"]
    assert len(names(index, "report", limit=1)) == 1
    for limit in (0, -1, 1001):
        with pytest.raises(BadInputError):
            index.search("report", limit=limit)


def test_a_folder_named_with_signs_of_patterns_is_that_folder_alone(index: SearchIndex) -> None:
    for folder in ("%", "_lans", "P*", "Plans%", "../Plans"):
        assert names(index, "umbrella", folder=folder) == []


def test_hits_tell_where_and_why(index: SearchIndex) -> None:
    hit = index.search("rush leafs")[0]
    assert (hit.drive, hit.path) == ("cloud", "Jarvis AI/Results/Leafs-Bruins/report.html")
    assert hit.snippet == "Leafs at Bruins Rush by A"
    assert [hit.snippet[a:b] for a, b in hit.marks] == ["Leafs", "Rush"]
    assert hit.score == 1.0
    assert hit.modified.tzinfo is not None


# Snippets.


def test_the_window_with_most_of_the_words_is_shown() -> None:
    text = "zone " + "filler words " * 200 + "the Zone\n\ntrap of the neutral zone " + "more " * 200
    shown, marks = snippet(text, [Words("zone"), Words("trap")])
    assert [shown[a:b] for a, b in marks] == ["Zone", "trap", "zone"]
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert "\n" not in shown
    assert len(shown) < 260


def test_marks_are_where_the_words_are() -> None:
    text = normal(
        "\u4eca\u5929\u7684\u51b0\u7403 \u00dcbung \u0130stanbul Gr\u00f6\u00dfe Rushes rush_by"
    )
    for said, prefix, shown in (
        ("\u51b0\u7403", False, ["\u51b0\u7403"]),
        ("ubung", False, ["\u00dcbung"]),
        ("istanbul", False, ["\u0130stanbul"]),
        ("rush", False, ["rush"]),
        ("rush", True, ["Rush", "rush"]),
        ("absent", False, []),
    ):
        found, marks = snippet(text, [Words(normal(said), prefix)])
        assert [found[a:b] for a, b in marks] == shown, said
        assert "\u200b" not in found


def test_a_text_of_one_word_repeated_takes_no_time() -> None:
    before = time.process_time()
    shown, marks = snippet("zone " * 200_000, [Words("zone"), Words("zone zone"), Words("z", True)])
    assert marks
    assert len(shown) < 260
    assert time.process_time() - before < 5  # FTS5's own needs hours


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=600), st.lists(st.text(min_size=1, max_size=5), max_size=4))
def test_marks_are_inside_the_snippet_and_apart(text: str, said: list[str]) -> None:
    shown, marks = snippet(normal(text), [Words(normal(word)) for word in said])
    edges = [0, *(edge for mark in marks for edge in mark), len(shown)]
    assert edges == sorted(edges)
    assert all(a < b for a, b in marks)


def test_names_are_split_into_words() -> None:
    assert words_of_name("GameReport12.mp4").split() == ["GameReport12.mp4", "Game", "Report", "12"]
    assert words_of_name("NHLGame.mp4").split()[1:] == ["NHL", "Game"]
    assert words_of_name("plain.txt") == "plain.txt"


def test_parsing() -> None:
    query = parse('a "b c" -d type:pdf,video -in:Old e*')
    assert query.wanted == [Words("a"), Words("b c"), Words("e", prefix=True)]
    assert [words.quoted for words in query.wanted] == ['"a"', '"b c"', '"e" *']
    assert query.unwanted == [Words("d")]
    assert (query.kinds, query.not_folders) == (["pdf", "video"], ["Old"])
