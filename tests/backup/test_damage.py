"""Any byte of a backup that differs or is missing is found and named."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.services.backup.keys import DamagedError
from tests.backup.installation import fill, service, state
from tests.backup.memory_place import MemoryPlace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    fill(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def place(data: Path) -> MemoryPlace:
    place = MemoryPlace()
    service(data, place).create()
    (data / "second.bin").write_bytes(random.Random(2).randbytes(70_000))
    service(data, place).create()
    return place


def found(data: Path, place: MemoryPlace) -> dict[str, str]:
    return {one.blob: one.problem for one in service(data, place).verify().findings}


def test_every_missing_blob_is_found(data: Path, place: MemoryPlace) -> None:
    for name in place.blobs:
        left = {other: blob for other, blob in place.blobs.items() if other != name}
        assert found(data, MemoryPlace(left)) == {name: "missing"}, name


def test_every_flipped_bit_is_found(data: Path, place: MemoryPlace) -> None:
    chance = random.Random(7)
    for name, blob in place.blobs.items():
        places = {0, len(blob) - 1, len(blob) // 2, *chance.choices(range(len(blob)), k=4)}
        for at in places:
            flipped = bytearray(blob)
            flipped[at] ^= 1 << chance.randrange(8)
            other = MemoryPlace(place.blobs | {name: bytes(flipped)})
            assert found(data, other) == {name: "damaged"}, (name, at)


def test_every_cut_and_every_addition_is_found(data: Path, place: MemoryPlace) -> None:
    for name, blob in place.blobs.items():
        for changed in (b"", blob[:-1], blob[1:], blob + b"\0", blob + blob):
            other = MemoryPlace(place.blobs | {name: changed})
            assert found(data, other) == {name: "damaged"}, name


def test_blobs_that_changed_places_are_found(data: Path, place: MemoryPlace) -> None:
    for prefix in ("snapshots/", "pages/", "packs/", "index/"):
        first, second = [name for name in place.blobs if name.startswith(prefix)][:2]
        swapped = {first: place.blobs[second], second: place.blobs[first]}
        other = MemoryPlace(place.blobs | swapped)
        assert found(data, other) == {first: "damaged", second: "damaged"}


def test_a_finding_names_the_files_that_are_concerned(data: Path, place: MemoryPlace) -> None:
    backups = service(data, place)
    newest = backups.choose()
    (entry,) = (one for one in backups.entries(newest) if one.path == "data/second.bin")
    repository = backups._open()
    repository.load_index()
    pack = repository.held[entry.chunks[0]].pack
    del place.blobs[pack]
    (finding,) = backups.verify().findings
    assert finding.blob == pack
    assert "data/second.bin" in finding.paths
    assert newest.id in finding.snapshots


def test_a_quick_verification_sees_what_is_missing_or_cut(data: Path, place: MemoryPlace) -> None:
    pack = max((name for name in place.blobs if name.startswith("packs/")), key=_size(place))
    cut = MemoryPlace(place.blobs | {pack: place.blobs[pack][:1000]})
    assert [one.blob for one in service(data, cut).verify(quick=True).findings] == [pack]
    assert service(data, place).verify(quick=True).findings == ()


def test_a_damaged_content_is_reported_and_the_rest_restored(
    data: Path, place: MemoryPlace, tmp_path: Path
) -> None:
    pack = max((name for name in place.blobs if name.startswith("packs/")), key=_size(place))
    place.blobs[pack] = _flipped(place.blobs[pack], 5)
    other = tmp_path / "other"
    backups = service(other, place)
    done = backups.restore(backups.choose())
    assert len(done.failed) >= 1
    assert all(pack in reason for _, reason in done.failed)
    lost = {path.removeprefix("data/") for path, _ in done.failed}
    expected = {name: digest for name, digest in state(data).items() if name not in lost}
    assert state(other) == expected


def test_a_lost_index_does_not_lose_anything(
    data: Path, place: MemoryPlace, tmp_path: Path
) -> None:
    for name in [name for name in place.blobs if name.startswith("index/")]:
        del place.blobs[name]
    backups = service(tmp_path / "other", place)
    assert backups.restore(backups.choose()).failed == ()
    assert state(tmp_path / "other") == state(data)
    service(data, place).prune()
    assert service(data, place).verify().findings == ()


@pytest.mark.parametrize("name", ["repository.json", "repository-copy.json"])
@pytest.mark.parametrize("harm", ["flipped", "missing"])
def test_one_copy_of_the_header_is_enough(
    data: Path, place: MemoryPlace, name: str, harm: str
) -> None:
    header = place.blobs.pop(name)
    if harm == "flipped":
        place.blobs[name] = _flipped(header, 40)
    backups = service(data, place)
    assert [one.blob for one in backups.verify().findings] == [name]
    backups.create()
    assert place.blobs[name] == header


def test_without_any_header_nothing_is_begun_anew(data: Path, place: MemoryPlace) -> None:
    del place.blobs["repository.json"]
    del place.blobs["repository-copy.json"]
    before = dict(place.blobs)
    with pytest.raises(DamagedError, match="has lost repository"):
        service(data, place).create(first=True)
    assert place.blobs == before


@pytest.mark.parametrize("kind", ["packs/", "index/", "catalogue"])
def test_what_is_taken_away_is_stored_again_by_the_next_backup(
    data: Path, place: MemoryPlace, kind: str, tmp_path: Path
) -> None:
    before = state(data)
    for name in [name for name in place.blobs if name.startswith(kind)]:
        place.blobs[name] = _flipped(place.blobs[name], len(place.blobs[name]) // 2)
    backups = service(data, place)
    oldest = backups.snapshots().snapshots[0]
    assert backups.mend().findings
    backups.create()
    assert backups.verify().findings == ()
    service(tmp_path / "other", place).restore(oldest)
    assert before.items() >= state(tmp_path / "other").items()


def test_a_damaged_page_does_not_harm_the_next_backup(
    data: Path, place: MemoryPlace, tmp_path: Path
) -> None:
    for name in [name for name in place.blobs if name.startswith("pages/")]:
        place.blobs[name] = _flipped(place.blobs[name], 20)
    backups = service(data, place)
    backups.mend()
    newest = backups.create()
    assert not any(newest.id in one.snapshots for one in backups.verify().findings)
    service(tmp_path / "other", place).restore(newest)
    assert state(tmp_path / "other") == state(data)


def test_a_damaged_page_that_no_snapshot_names_yet_is_found(data: Path, place: MemoryPlace) -> None:
    backups = service(data, place)
    repository, newest = backups._open(), backups.choose()
    (older,) = (one.id for one in backups.snapshots().snapshots if one.id != newest.id)
    page = next(name for name in newest.pages if name not in set(repository.snapshot(older).pages))
    del place.blobs[f"snapshots/{newest.id}"]  # as if it had been killed before its last step
    name = f"pages/{page[:2]}/{page}"
    place.blobs[name] = _flipped(place.blobs[name], 20)
    assert found(data, place)[name] == "damaged"


def test_a_missing_pack_is_stored_again_by_the_next_backup(data: Path, place: MemoryPlace) -> None:
    for name in [name for name in place.blobs if name.startswith("packs/")]:
        del place.blobs[name]
    backups = service(data, place)
    backups.create()
    newest = backups.choose()
    assert not any(newest.id in one.snapshots for one in backups.verify().findings)


def test_pruning_stops_before_it_removes_what_a_damaged_snapshot_may_need(
    data: Path, place: MemoryPlace
) -> None:
    manifests = sorted(name for name in place.blobs if name.startswith("snapshots/"))
    place.blobs[manifests[0]] = _flipped(place.blobs[manifests[0]], 30)
    before = dict(place.blobs)
    backups = service(data, place)
    damaged = manifests[0].partition("/")[2]
    assert backups.snapshots().damaged == (damaged,)
    with pytest.raises(DamagedError, match="nothing was removed"):
        backups.prune()
    assert {n: b for n, b in place.blobs.items() if n != "catalogue"} == {
        n: b for n, b in before.items() if n != "catalogue"
    }
    backups.prune(drop=[damaged])
    assert backups.verify().findings == ()


def _flipped(blob: bytes, at: int) -> bytes:
    return blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]


def _size(place: MemoryPlace):
    return lambda name: len(place.blobs[name])
