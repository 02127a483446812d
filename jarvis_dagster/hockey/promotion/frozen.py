"""Frozen games: labelled frames of whole videos in one file, that models are judged on.

Belongs here: making that file, the same for the same content, and opening it. Does not belong
here: where it is stored.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["Frame", "FrozenGames", "freeze", "open_frozen"]

_MANIFEST = "manifest.json"
_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Frame:
    """One labelled picture: names in ``images/`` and ``labels/``, their hashes, its video."""

    image: str
    label: str
    video: str
    image_sha256: str
    label_sha256: str


@dataclasses.dataclass(frozen=True)
class FrozenGames:
    """Frozen games in a folder.

    Attributes:
        sha256: Hash of everything that an evaluation depends on.
        aspect: True width / height of pictures that are stored stretched; None as they are.
    """

    folder: Path
    sha256: str
    frames: tuple[Frame, ...]
    aspect: float | None

    @property
    def videos(self) -> dict[str, int]:
        """Pictures by video."""
        names = [frame.video for frame in self.frames]
        return {name: names.count(name) for name in sorted(set(names))}


def freeze(
    export: Path,
    target: Path,
    *,
    videos: Collection[str] | None = None,
    aspect: float | None = None,
) -> FrozenGames:
    """Put the labelled frames of a YOLO export into the file ``target``.

    Args:
        export: ``images/``, ``labels/``, ``data.yaml`` and ``groups.csv`` (columns image,
            video), which says what game each frame is of.
        videos: Only these; None is all.

    Raises:
        BadInputError: no games.csv, a broken label, an unknown video, no frame.
    """
    from jarvis_dagster.hockey.training.dataset import read_export

    if not (export / "groups.csv").is_file():
        raise BadInputError(
            f"{export} has no groups.csv, so frames of one game cannot be kept together.",
            "Write one with the columns image and video.",
        )
    samples = read_export(export, aspect=None if aspect is None else (aspect, aspect))
    known = {sample.group for sample in samples}
    chosen = known if videos is None else set(videos)
    if chosen - known:
        raise BadInputError(
            f"No frame is of {', '.join(sorted(chosen - known))}.",
            f"Videos: {', '.join(sorted(known))}.",
        )
    frames = tuple(
        Frame(
            image=sample.image.name,
            label=f"{sample.image.stem}.txt",
            video=sample.group,
            image_sha256=_sha256(sample.image.read_bytes()),
            label_sha256=_sha256((export / "labels" / f"{sample.image.stem}.txt").read_bytes()),
        )
        for sample in samples
        if sample.group in chosen
    )
    names = next((p for n in ("data.yaml", "data.yml") if (p := export / n).is_file()), None)
    classes = names.read_bytes() if names else b""
    manifest = _manifest(frames, aspect, _sha256(classes))
    with tarfile.open(target, "w") as tar:
        _add(tar, _MANIFEST, manifest)
        if classes:
            _add(tar, "data.yaml", classes)
        for frame in frames:
            _add(tar, f"images/{frame.image}", (export / "images" / frame.image).read_bytes())
            _add(tar, f"labels/{frame.label}", (export / "labels" / frame.label).read_bytes())
    return FrozenGames(export, _sha256(manifest), frames, aspect)


def open_frozen(archive: Path, folder: Path) -> FrozenGames:
    """Unpack frozen games into ``folder``, and verify every file.

    Raises:
        BadInputError: not such a file, or something in it is not what was frozen.
    """
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        manifest = (folder / _MANIFEST).read_bytes()
        content: dict[str, Any] = json.loads(manifest)
        frames = tuple(Frame(**frame) for frame in content["frames"])
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(
            f"{archive.name} does not hold frozen games ({error}).",
            "Make them by `jarvis models freeze-games`.",
        ) from error
    wrong = [
        name
        for frame in frames
        for name, sha256 in (
            (f"images/{frame.image}", frame.image_sha256),
            (f"labels/{frame.label}", frame.label_sha256),
        )
        if not (folder / name).is_file() or _sha256((folder / name).read_bytes()) != sha256
    ]
    if wrong or not frames:
        raise BadInputError(
            f"{archive.name} is damaged: {', '.join(wrong[:5]) or 'it has no frames'}.",
            "Restore it from a backup, or freeze the games again.",
        )
    return FrozenGames(folder, _sha256(manifest), frames, content["aspect"])


def _manifest(frames: tuple[Frame, ...], aspect: float | None, classes_sha256: str) -> bytes:
    content = {
        "format": _FORMAT,
        "aspect": aspect,
        "classes_sha256": classes_sha256,
        "frames": [dataclasses.asdict(frame) for frame in frames],
    }
    return json.dumps(content, sort_keys=True, indent=1).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """A file without owner and date, so that the same content is the same archive."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o644
    tar.addfile(entry, io.BytesIO(content))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
