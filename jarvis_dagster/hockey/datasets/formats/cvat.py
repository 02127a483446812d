"""CVAT XML, "CVAT for images 1.1" and "CVAT for video 1.1".

Belongs here: boxes, polygons and tracks of the XML. Does not belong here: CVAT's exports in
other formats, which their own readers take.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets.formats.base import Raw, RawPicture
from jarvis_dagster.hockey.datasets.formats.finding import PictureIndex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["is_here", "read"]

_FRAME = re.compile(r"(\d+)$")
_SHAPES = {"box", "polygon", "polyline", "points", "mask", "ellipse", "cuboid", "skeleton"}


def is_here(folder: Path) -> bool:
    """Whether there is an XML file with CVAT's root element."""
    return bool(_files(folder))


def _files(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.rglob("*.xml")):
        with path.open("rb") as stream:
            if b"<annotations" in stream.read(4096):
                found.append(path)
    return found


def read(folder: Path) -> Raw:
    """Read every CVAT file in ``folder``.

    Raises:
        BadInputError: broken or hostile XML, or a picture outside of the folder.
    """
    raw = Raw([], [])
    index = PictureIndex(folder)
    for path in _files(folder):
        where = str(path.relative_to(folder))
        root = _parse(path, where)
        raw.names += [n for n in _label_names(root) if n not in raw.names]
        task = _task(root)
        try:
            for image in root.iter("image"):
                _read_image(image, path.parent, where, index, raw, task)
            _read_tracks(root, path.parent, index, raw, task)
        except (KeyError, ValueError) as error:
            raise BadInputError(
                f"{where} is not CVAT's: {type(error).__name__} {error}.", "Export it again."
            ) from error
    return raw


def _parse(path: Path, where: str) -> Any:
    import defusedxml
    from defusedxml import ElementTree

    try:
        return ElementTree.parse(path, forbid_dtd=True).getroot()
    except (ElementTree.ParseError, defusedxml.DefusedXmlException, ValueError) as error:
        raise BadInputError(
            f"{where} is broken XML ({str(error)[:200]}).", "Export it from CVAT again."
        ) from error


def _label_names(root: Any) -> Iterator[str]:
    for label in root.iter("label"):
        name = label.findtext("name")
        if name:
            yield name
    for element in root.iter():
        if element.tag in _SHAPES | {"track"} and element.get("label"):
            yield element.get("label")


def _task(root: Any) -> str | None:
    """The name of the task, which in a club is most often the game's."""
    name = root.findtext("meta/task/name") or root.findtext("meta/job/name")
    return name.strip() if name and name.strip() else None


def _read_image(
    image: Any, beside: Path, where: str, index: PictureIndex, raw: Raw, task: str | None
) -> None:
    name = image.attrib["name"]
    path = index.find(name, beside, where)
    if path is None:
        raw.missing.append(name)
        return
    stated = (int(image.attrib["width"]), int(image.attrib["height"]))
    picture = RawPicture(path, [], in_pixels=True, stated_px=stated, video=task)
    for shape in image:
        box = _box(shape, raw)
        if box is not None:
            picture.boxes.append((shape.attrib["label"], *box))
    raw.pictures.append(picture)


def _box(shape: Any, raw: Raw) -> tuple[float, float, float, float] | None:
    if shape.tag == "box":
        x1, y1, x2, y2 = (float(shape.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
        return x1, y1, x2, y2
    if shape.tag == "polygon":
        points = [pair.split(",") for pair in shape.attrib["points"].split(";")]
        xs, ys = [float(p[0]) for p in points], [float(p[1]) for p in points]
        return min(xs), min(ys), max(xs), max(ys)
    if shape.tag in _SHAPES:
        raw.leave_out(f"{shape.tag} shapes")
    return None


def _read_tracks(root: Any, beside: Path, index: PictureIndex, raw: Raw, task: str | None) -> None:
    tracks = list(root.iter("track"))
    if not tracks:
        return
    size = root.find("meta//original_size")
    if size is None:
        raise ValueError("tracks without original_size")
    stated = (int(size.findtext("width")), int(size.findtext("height")))
    frames = _frames(index, beside)
    pictures = {
        number: RawPicture(path, [], in_pixels=True, stated_px=stated, video=task)
        for number, path in frames.items()
    }
    lost: set[int] = set()
    for track in tracks:
        for number, box in _along(track, raw):
            if number in pictures:
                pictures[number].boxes.append((track.attrib["label"], *box))
            else:
                lost.add(number)
    raw.pictures += [pictures[number] for number in sorted(pictures)]
    raw.missing += [f"frame {number}" for number in sorted(lost)]


def _frames(index: PictureIndex, beside: Path) -> dict[int, Path]:
    """Frames by number: CVAT names them ``frame_000123.PNG``."""
    found = {}
    for path in index.below(beside):
        number = _FRAME.search(path.stem)
        if number:
            found[int(number[1])] = path
    return found


def _along(track: Any, raw: Raw) -> Iterator[tuple[int, tuple[float, float, float, float]]]:
    """Boxes by frame; between two key frames they move in a straight line."""
    last: tuple[int, tuple[float, ...]] | None = None
    for shape in sorted(track, key=lambda item: int(item.attrib["frame"])):
        number = int(shape.attrib["frame"])
        box = _box(shape, raw)
        if box is None:
            continue
        if last is not None:
            for between in range(last[0] + 1, number):
                share = (between - last[0]) / (number - last[0])
                x1, y1, x2, y2 = (a + share * (b - a) for a, b in zip(last[1], box, strict=True))
                yield between, (x1, y1, x2, y2)
        if shape.get("outside") == "1":
            last = None
            continue
        yield number, box
        last = (number, box)
