"""The storage service under `kill -9`, and bytes that are flipped in what the server keeps.

    python benchmarks/soak_storage.py [--kills 300] [--seconds 600] [--mib 0 5 40 200]
                                      [--flips 8] [--seed 1] [--json FILE]

Processes store files of random bytes, plain and encrypted, and are killed at random moments; the
same file is stored again until one of them says that it is stored. After each of them:

- what was acknowledged is there and equal, and what can be seen is whole;
- who goes on with a large file sends only the parts that the server did not have.

At the end nothing may be damaged, and what the killed ones left must be gone after pruning. Then
a byte is flipped in the server's volume files, in the stored bytes of some artifacts, records and
data keys each, and a verification must name exactly those. Exit code 1 when anything is not so.
It ends with the kills or the seconds, whichever come first.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import json
import logging
import mmap
import multiprocessing
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent))

from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig
from jarvis_dagster.services.storage.catalogue import content_digits, line_of
from jarvis_dagster.services.storage.data_keys import key_folder
from jarvis_dagster.services.storage.key_sources import new_key
from jarvis_dagster.services.storage.pruning import prune
from jarvis_dagster.services.storage.verification import verify
from tests.servers import run_object_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from tests.servers import Server

_FORK = multiprocessing.get_context("fork")
_SOON_H = 1e-6  # whatever was begun before is a leftover
_SAMPLE = 48  # so many random bytes are in one place only


@dataclasses.dataclass
class Soak:
    """What happened, and what should not have.

    Attributes:
        wrong: One sentence each.
        typical_s: How long it takes to store a file of each kind.
    """

    kills: int = 0
    stored: int = 0
    seen_early: int = 0
    parts_kept: int = 0
    flipped: int = 0
    found: int = 0
    wrong: list[str] = dataclasses.field(default_factory=list)
    by_size: dict[str, int] = dataclasses.field(default_factory=dict)
    typical_s: dict[str, float] = dataclasses.field(default_factory=dict)


class Store:
    """A server, and services that use it with and without encryption."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self._folder = folder

    def service(self, how: str, **more: object) -> JarvisStorageService:
        """A service of its own connections; ``how`` is ``plain`` or ``encrypted``."""
        server = self.server
        made = JarvisStorageService(
            StorageConfig.model_validate(
                {
                    "endpoint": server.address,
                    "access_key": server.access_key,
                    "secret_key": server.secret_key,
                    "spool_dir": self._folder / "spool",
                    "encryption": {"source": "environment" if how == "encrypted" else "off"},
                    **more,
                }
            )
        )
        made.ensure_buckets()
        return made


def store(at: Store, how: str, path: Path, component: str, answer: Connection) -> None:
    """What a process does: store a file and tell its id, and how many parts it sent."""
    service, sent = at.service(how), 0
    requests = service.objects.uploads._requests
    put = requests.put

    def counted(*args: Any) -> Any:
        nonlocal sent
        sent += 1
        return put(*args)

    requests.put = counted  # type: ignore[method-assign,assignment]
    answer.send((service.store_artifact(path, {"of": component}, component), sent))


def parts_held(service: JarvisStorageService, key: str) -> int:
    """How many parts of an unfinished upload of ``key`` the server has."""
    requests, bucket = service.objects.uploads._requests, service.config.artifacts_bucket
    uploads = [one for one in requests.unfinished(bucket) if one.key == key]
    return sum(len(requests.listed(bucket, key, one.upload_id) or ()) for one in uploads)


def one_file(
    at: Store,
    soak: Soak,
    chance: random.Random,
    folder: Path,
    mib: int,
    may_kill: Callable[[], bool],
) -> None:
    """Store a new file until it is acknowledged, killing whoever does it."""
    how = chance.choice(["plain", "encrypted"])
    path, component = folder / "game.bin", f"soak-{soak.stored}"
    content = chance.randbytes(mib << 20)
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    item_id = line_of("artifacts", path.name, component, None) + content_digits(sha256)
    key, label = f"artifacts/{item_id}/{path.name}", f"{mib} MiB {how}"
    looking = at.service("encrypted")
    while True:
        # The first of its kind tells how long it takes.
        typical_s = soak.typical_s.get(label)
        is_killed = typical_s is not None and may_kill() and chance.random() < 0.85
        held = 0 if is_killed else parts_held(looking, key)
        mine, theirs = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=store, args=(at, how, path, component, theirs))
        began = time.monotonic()
        process.start()
        theirs.close()
        if is_killed and typical_s is not None:
            process.join(chance.uniform(0, 1.2 * typical_s))
            process.kill()
        process.join()
        if not is_killed and not held:
            soak.typical_s[label] = time.monotonic() - began
        soak.kills += is_killed and process.exitcode != 0
        soak.by_size[label] = soak.by_size.get(label, 0) + (is_killed and process.exitcode != 0)
        said = _answer(mine)
        if said is None and not is_killed:
            soak.wrong.append(f"{label}: could not be stored ({process.exitcode}).")
            return
        _look(looking, soak, item_id, sha256, folder / "back", label, said)
        if said is None:
            continue
        soak.stored += 1
        needed = -(-mib // looking.config.part_mb)
        if not is_killed and said[1] and held and said[1] > max(needed, 1) + 1 - held:
            soak.wrong.append(f"{label}: {said[1]} parts were sent although {held} were there.")
        soak.parts_kept += held if said[1] and not is_killed else 0
        if [one.number for one in looking.history(item_id)] != [1]:
            soak.wrong.append(f"{label}: {item_id} has more than one version.")
        looking.close()
        return


def _answer(connection: Connection) -> tuple[str, int] | None:
    """What a process said before it ended."""
    with connection, contextlib.suppress(EOFError):
        item_id, sent = connection.recv()
        return str(item_id), int(sent)
    return None


def _look(
    service: JarvisStorageService,
    soak: Soak,
    item_id: str,
    sha256: str,
    back: Path,
    label: str,
    said: tuple[str, int] | None,
) -> None:
    """Whether what is to be seen is what may be."""
    if said is not None and said[0] != item_id:
        soak.wrong.append(f"{label}: the id is {said[0]}, not {item_id}.")
    if service.find_artifact(item_id) is None:
        if said is not None:
            soak.wrong.append(f"{label}: {item_id} was acknowledged and is not there.")
        return
    soak.seen_early += said is None  # killed after the record, before the answer
    if not service.retrieve_artifact(item_id, back):
        soak.wrong.append(f"{label}: {item_id} is to be seen and cannot be fetched.")
    elif hashlib.sha256(back.read_bytes()).hexdigest() != sha256:
        soak.wrong.append(f"{label}: {item_id} came back as something else.")


def leftovers(at: Store, soak: Soak) -> None:
    """What killed processes left, which pruning has to remove."""
    service = at.service("encrypted", retention={"orphan_hours": _SOON_H})
    soak.wrong += [f"{one.url} {one.what}" for one in verify(service)]
    for _ in prune(service):
        pass
    bucket = service.config.artifacts_bucket
    named = {item["path"] for item in service.list_artifacts()}
    for info in service.raw.iter_objects(bucket):
        if info.key.startswith(".jarvis/uploads/") or (
            info.key.startswith("artifacts/") and info.key not in named
        ):
            soak.wrong.append(f"{info.key} was left behind.")
    for upload in service.objects.uploads._requests.unfinished(bucket):
        soak.wrong.append(f"An upload of {upload.key} was left behind.")
    soak.wrong += [f"{one.url} {one.what}" for one in verify(service)]
    if len(named) != soak.stored:
        soak.wrong.append(f"{soak.stored} were acknowledged, {len(named)} are there.")
    service.close()


def flip(at: Store, soak: Soak, chance: random.Random, folder: Path, count: int) -> None:
    """Flip one byte each of some objects in the files of the server; verify must name them."""
    service = at.service("encrypted")
    bucket = service.config.artifacts_bucket
    kinds: dict[str, list[str]] = {"artifacts/": [], "records/": [], ".jarvis/keys/": []}
    for info in service.raw.iter_objects(bucket):
        for prefix, keys in kinds.items():
            if info.key.startswith(prefix) and info.size > _SAMPLE:
                keys.append(info.key)
    wanted = [key for keys in kinds.values() for key in chance.sample(keys, min(len(keys), count))]
    samples: dict[str, tuple[bytes, int]] = {}
    for key in wanted:
        service.raw.get(bucket, key, folder / "raw")
        raw = (folder / "raw").read_bytes()
        start = chance.randrange(len(raw) - _SAMPLE + 1)
        samples[key] = raw[start : start + _SAMPLE], chance.randrange(_SAMPLE)
    at.server.stop()
    flipped = {key for key, (sample, at_byte) in samples.items() if _flip(at, sample, at_byte)}
    at.server.start()
    found = {one.url.split(f"{bucket}/", 1)[1] for one in verify(service)}
    soak.flipped, soak.found = len(flipped), len(found & flipped)
    soak.wrong += [f"{key} is damaged, and was not found." for key in sorted(flipped - found)]
    key_folders = {key.rpartition("/")[0] + "/" for key in flipped}
    for key in sorted(found - flipped):
        # A data key that is damaged takes its content with it.
        if key_folder(key) not in key_folders:
            soak.wrong.append(f"{key} is said to be damaged, and is not.")
    service.close()


def _flip(at: Store, sample: bytes, at_byte: int) -> bool:
    """Flip a byte where the volume files have these; whether it is in one place only."""
    places: list[tuple[Path, int]] = []
    for path in sorted((at.server.folder / "data").rglob("*.dat")):
        if path.stat().st_size:
            places += [(path, start) for start in _find(path, sample)]
    if len(places) != 1:
        return False
    path, start = places[0]
    with path.open("r+b") as stream:
        stream.seek(start + at_byte)
        byte = stream.read(1)[0]
        stream.seek(start + at_byte)
        stream.write(bytes([byte ^ (1 << (byte % 8))]))
    return True


def _find(path: Path, sample: bytes) -> Iterator[int]:
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        start = view.find(sample)
        while start >= 0:
            yield start
            start = view.find(sample, start + 1)


def main() -> None:
    """Run the soak and print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=600, help="when to kill no more")
    parser.add_argument("--mib", type=int, nargs="+", default=[0, 5, 40, 200], help="sizes")
    parser.add_argument("--flips", type=int, default=8, help="of contents, records and keys each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the outcome there as well")
    options = parser.parse_args()
    os.environ["JARVIS_STORAGE_KEYS"] = new_key()
    chance, soak, began = random.Random(options.seed), Soak(), time.monotonic()  # noqa: S311
    console = Console()
    logging.disable(logging.WARNING)  # of retries, when objects are damaged

    def may_kill() -> bool:
        return soak.kills < options.kills and time.monotonic() - began < options.seconds

    # Large files take long: as many kills for each size, so fewer of them.
    weights = [1 / (1 + mib / 20) for mib in options.mib]
    with tempfile.TemporaryDirectory(prefix="soak-") as text:
        folder = Path(text)
        at = Store(run_object_store(folder / "server"), folder)
        try:
            while may_kill():
                (mib,) = chance.choices(options.mib, weights)
                one_file(at, soak, chance, folder, mib, may_kill)
            leftovers(at, soak)
            if options.flips:
                flip(at, soak, chance, folder, options.flips)
        finally:
            at.server.stop()
    sizes = ", ".join(f"{size}: {count}" for size, count in sorted(soak.by_size.items()))
    console.print(
        f"{soak.kills} kills ({sizes}), {soak.stored} files stored,"
        f" {soak.seen_early} times seen whole before the answer,"
        f" {soak.parts_kept} parts not sent again;"
        f" {soak.flipped} objects damaged, {soak.found} found."
    )
    for line in soak.wrong:
        console.print(f"[red]{line}")
    if options.json:
        options.json.write_text(json.dumps(dataclasses.asdict(soak), indent=1), "utf-8")
    sys.exit(bool(soak.wrong))


if __name__ == "__main__":
    main()
