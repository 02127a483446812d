"""Reading files in the limited process: what they say, and what hostile ones cannot do."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.client_storage.search import extraction as extraction_module
from jarvis_dagster.services.client_storage.search.config import SearchConfig
from jarvis_dagster.services.client_storage.search.extraction import Extraction, Extractor
from tests.search import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Read = Callable[..., Extraction]


def _has_namespaces() -> bool:
    program = shutil.which("unshare")
    if program is None:
        return False
    done = subprocess.run([program, "-rn", "true"], capture_output=True, check=False)
    return done.returncode == 0


CONFIG = SearchConfig(max_text_chars=50_000, cpu_s=20, wall_s=100)


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Extractor]:
    with Extractor(CONFIG, tmp_path_factory.mktemp("scratch")) as one:
        yield one


@pytest.fixture
def read(extractor: Extractor, tmp_path: Path) -> Read:
    def read(content: bytes, promised: str) -> Extraction:
        path = tmp_path / "file"
        path.write_bytes(content)
        return extractor.extract(path, promised)

    return read


@pytest.mark.parametrize(
    ("promised", "content"),
    [
        ("pdf", documents.pdf("Neutral zone", "trap")),
        ("docx", documents.docx("Neutral zone", "trap")),
        ("pptx", documents.pptx("Neutral zone", "trap")),
        ("odt", documents.odt("Neutral zone", "trap")),
        ("xlsx", documents.xlsx(("Neutral zone", "trap"), ("a", "b"))),
        ("html", b"<html><body><h1>Neutral zone</h1><p>tr<b>ap</b></p></body></html>"),
        ("captions", b"1\n00:00:01,000 --> 00:00:02,000\n<i>Neutral zone</i>\ntrap\n"),
        ("captions", b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>Neutral zone\ntrap\n"),
        ("json", b'{"play": {"name": "Neutral zone", "kind": ["trap"]}}'),
        ("text", b"Neutral zone,trap\n"),
        ("rtf", b"{\\rtf1\\ansi Neutral zone\\par trap}"),
        ("eml", b"From: a@b.c\r\nSubject: Plan\r\n\r\nNeutral zone trap\r\n"),
    ],
)
def test_text_is_found(read: Read, promised: str, content: bytes) -> None:
    found = read(content, promised)
    assert found.reason == ""
    assert "Neutral zone" in found.text
    assert "trap" in found.text.replace(",", " ").split()


def test_signs_of_xml_survive_in_office_documents(read: Read) -> None:
    said = 'R&D <b> it\'s "Café"'
    for promised, content in (
        ("docx", documents.docx(said)),
        ("pptx", documents.pptx(said)),
        ("odt", documents.odt(said)),
        ("xlsx", documents.xlsx((said,))),
    ):
        assert said in read(content, promised).text, promised


def test_title_and_notes_are_found(read: Read) -> None:
    found = read(documents.docx("Plan", title="Scouting", footnote="Watch the slot"), "docx")
    assert (found.about, "Watch the slot" in found.text) == ("Scouting", True)
    assert "Scouting" in read(documents.pdf("Plan", title="Scouting"), "pdf").about
    assert read(b"<title>Scouting</title><p>Plan", "html").about == "Scouting"


def test_scripts_styles_times_and_markup_are_no_text(read: Read) -> None:
    page = b"<style>.hidden{}</style><script>var secret</script><p data-x='secret'>Plan</p>"
    assert read(page, "html").text == "Plan"
    captions = (
        b"WEBVTT\n\n1\n00:01.000 --> 00:02.000\nGoal by\n33\n\n2\n00:02.000 --> 00:03.000\n33\n"
    )
    assert read(captions, "captions").text == "Goal by\n33"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_encodings(read: Read, encoding: str) -> None:
    assert read("Übung für Torhüter, später mehr".encode(encoding), "text").text.startswith(
        "Übung für Torhüter"
    )


def test_a_few_broken_bytes_do_not_spoil_the_rest(read: Read) -> None:
    found = read("Übung für Torhüter, später mehr ".encode() + b"\xff\xfe", "text")
    assert found.text.startswith("Übung für Torhüter, später mehr")


def test_what_a_file_is_counts_not_its_name(read: Read) -> None:
    assert read(documents.pdf("Neutral zone"), "text").text == "Neutral zone"
    assert read(documents.docx("Neutral zone"), "text").text == "Neutral zone"
    assert read(b"<html><table><tr><td>Neutral zone", "xls").text == "Neutral zone"
    assert read(documents.zipped({"a": "b"}), "text").reason == "is an archive, not a document"


def test_ledgers_are_read_row_by_row_and_measurements_by_their_words(
    read: Read, tmp_path: Path
) -> None:
    import pandas as pd

    ledger = pd.DataFrame(
        {"event_id": ["e1", "e2"], "type": ["rush", "zone_entry"], "start_s": [12.5, 30.0]}
    )
    ledger.to_parquet(tmp_path / "events.parquet")
    found = read((tmp_path / "events.parquet").read_bytes(), "parquet")
    assert found.text.splitlines() == ["e1 rush 12.5", "e2 zone_entry 30"]
    assert "start_s" in found.about
    long = pd.DataFrame({"frame": range(30_000), "role": ["goalkeeper", "player"] * 15_000})
    long.to_parquet(tmp_path / "tracks.parquet")
    assert read((tmp_path / "tracks.parquet").read_bytes(), "parquet").text.split() == [
        "goalkeeper",
        "player",
    ]


# Hostile files. After each, the next file is read as if nothing had happened.


def _bomb() -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("word/document.xml", "w", force_zip64=True) as part,
    ):
        part.write(f'<w:document xmlns:w="{documents.WORD}"><w:body><w:x>'.encode())
        for _ in range(300):
            part.write(b" " * (1 << 20))
    return buffer.getvalue()


def _laughs() -> bytes:
    entities = '<!ENTITY a "lol">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    return documents.zipped(
        {
            "word/document.xml": f'<!DOCTYPE d [{entities}]><w:document xmlns:w="{documents.WORD}">'
            "<w:body><w:p><w:r><w:t>&j;</w:t></w:r></w:p></w:body></w:document>"
        }
    )


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "zip bomb": ("docx", _bomb),
    "billion laughs": ("docx", _laughs),
    "cut pdf": ("pdf", lambda: documents.pdf("Neutral zone")[:200]),
    "noise after a pdf's head": (
        "pdf",
        lambda: b"%PDF-1.7\n" + random.Random(1).randbytes(200_000),
    ),
    "cut docx": ("docx", lambda: documents.docx("Neutral zone")[:-40]),
    "noise in a zip": ("xlsx", lambda: b"PK\x03\x04" + random.Random(2).randbytes(100_000)),
    "empty": ("pdf", lambda: b""),
    "not text": ("text", lambda: bytes(range(256)) * 100),
    "noise as parquet": ("parquet", lambda: b"PAR1" + random.Random(3).randbytes(50_000) + b"PAR1"),
    "unclosed xml": (
        "docx",
        lambda: documents.zipped({"word/document.xml": f'<w:d xmlns:w="{documents.WORD}"><w:p>'}),
    ),
    "encrypted office file": ("docx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_have_a_reason_and_harm_nobody(read: Read, name: str) -> None:
    promised, make = HOSTILE[name]
    found = read(make(), promised)
    assert found.reason
    assert not found.text
    assert read(b"Neutral zone", "text").text == "Neutral zone"


def test_endless_nesting_is_no_obstacle(read: Read) -> None:
    deep = 50_000
    assert "deep" in read(b"<div>" * deep + b"deep" + b"</div>" * deep, "html").text
    assert read(b"[" * deep + b"1" + b"]" * deep, "json").reason == ""


def test_of_a_huge_text_only_the_wanted_part_is_read(extractor: Extractor, tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as stream:
        stream.write(b"Neutral zone " * 100_000)
        stream.truncate(1 << 30)  # sparse: it takes no room on the disk
    found = extractor.extract(path, "text")
    assert found.truncated
    assert len(found.text) <= CONFIG.max_text_chars


# The process itself: a reader that misbehaves is put in place of the real one.


def _misbehave(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Run ``code`` in the worker for files that begin with "bad"; it may use ``path``."""
    module = tmp_path / "misbehaving.py"
    module.write_text(
        "from jarvis_dagster.services.client_storage.search import worker\n"
        "real = worker.read\n"
        "def read(path, promised, chars, *, careful=False):\n"
        "    if path.read_bytes().startswith(b'bad'):\n"
        + "".join(f"        {line}\n" for line in code.splitlines())
        + "    return real(path, promised, chars, careful=careful)\n"
        "worker.read = read\n"
        "worker.main()\n"
    )
    monkeypatch.setattr(extraction_module, "_ROOT", f"{extraction_module._ROOT}:{tmp_path}")
    monkeypatch.setattr(extraction_module, "_MODULE", "misbehaving")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os.abort()", "crashes its reader (SIGABRT)"),
        ("import ctypes; ctypes.string_at(0)", "crashes its reader (SIGSEGV)"),
        ("while True: pass", "takes more than 1 s of processor time to read"),
        ("import time; time.sleep(60)", "takes longer than 1 s to read"),
        ("x = bytearray(4 << 30)", "needs more memory than its reader may have"),
        ("raise RuntimeError('no\\nway')", "cannot be read (RuntimeError: no"),
        ("import os; os.write(3, b'x' * 64); import time; time.sleep(60)", "without end"),
    ],
)
def test_a_reader_that_fails_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, reason: str
) -> None:
    _misbehave(monkeypatch, tmp_path, code)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    limits = CONFIG.model_copy(update={"cpu_s": 1, "wall_s": 100})
    with Extractor(limits, scratch) as one:
        good, bad = tmp_path / "good", tmp_path / "bad"
        good.write_text("good")
        bad.write_text("bad")
        assert one.extract(good, "text").text == "good"
        if "takes longer" in reason:  # good files take their time on a busy machine
            one._config = limits.model_copy(update={"wall_s": 1})
        assert reason in one.extract(bad, "text").reason
        one._config = limits
        assert one.extract(good, "text").text == "good"


def test_a_reader_that_cannot_start_is_not_the_fault_of_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(extraction_module, "_MODULE", "no_such_module")
    file = tmp_path / "file"
    file.write_text("good")
    with Extractor(CONFIG, tmp_path) as one, pytest.raises(PermanentError, match="does not start"):
        one.extract(file, "text")


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_children_of_a_reader_end_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _misbehave(
        monkeypatch,
        tmp_path,
        "import subprocess, time, pathlib\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid))\n"
        "time.sleep(60)",
    )
    bad = tmp_path / "bad"
    bad.write_text("bad")
    with Extractor(CONFIG.model_copy(update={"wall_s": 2}), tmp_path) as one:
        assert "takes longer" in one.extract(bad, "text").reason
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 240
    while _lives(pid):
        assert time.monotonic() < deadline, "it lives on"
        time.sleep(0.02)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems isolate otherwise")
def test_a_reader_has_no_secrets_no_working_folder_of_ours_and_no_core_dumps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("S3_SECRET_KEY", "hunter2")
    _misbehave(
        monkeypatch,
        tmp_path,
        "import os, json, resource\n"
        "from jarvis_dagster.services.client_storage.search.reading import UnreadableError\n"
        "raise UnreadableError(json.dumps([sorted(os.environ), os.getcwd(),"
        " resource.getrlimit(resource.RLIMIT_CORE)[0]]))",
    )
    bad = tmp_path / "bad"
    bad.write_text("bad")
    with Extractor(CONFIG, tmp_path) as one:
        names, folder, core = json.loads(one.extract(bad, "text").reason)
    assert "S3_SECRET_KEY" not in names
    assert (Path(folder), core) == (tmp_path, 0)
    assert os.environ["S3_SECRET_KEY"] == "hunter2"


@pytest.mark.skipif(not _has_namespaces(), reason="this system lets nobody have its own network")
def test_a_reader_has_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        _misbehave(
            monkeypatch,
            tmp_path,
            "import socket\n"
            "from jarvis_dagster.services.client_storage.search.reading import UnreadableError\n"
            "try:\n"
            f"    socket.create_connection(('127.0.0.1', {port}), 2)\n"
            "except OSError as error:\n"
            "    raise UnreadableError(type(error).__name__)\n"
            "raise UnreadableError('connected')",
        )
        bad = tmp_path / "bad"
        bad.write_text("bad")
        with Extractor(CONFIG, tmp_path) as one:
            assert one.extract(bad, "text").reason == "OSError"


def test_a_pdf_that_crashes_one_library_is_read_by_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = tmp_path / "misbehaving.py"
    module.write_text(
        "import os\n"
        "from jarvis_dagster.services.client_storage.search import worker\n"
        "from jarvis_dagster.services.client_storage.search.reading import documents\n"
        "documents.read_document = lambda *a: os.abort()\n"
        "worker.main()\n"
    )
    monkeypatch.setattr(extraction_module, "_ROOT", f"{extraction_module._ROOT}:{tmp_path}")
    monkeypatch.setattr(extraction_module, "_MODULE", "misbehaving")
    path = tmp_path / "file.pdf"
    path.write_bytes(documents.pdf("Neutral zone", title="Plan"))
    with Extractor(CONFIG, tmp_path) as one:
        found = one.extract(path, "pdf")
    assert (found.text, found.about, found.reason) == ("Neutral zone", "Plan", "")
