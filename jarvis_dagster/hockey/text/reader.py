"""Reading one line of text.

Belongs here: pictures of a line to the network's answers, and those to texts. Does not belong
here: finding lines (``finder``), what a text means.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jarvis_dagster.hockey.detection.runtime import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Reading", "TextReader"]

_WEIGHTS = Path(__file__).with_name("weights") / "text_reader.onnx"
_WIDTHS = (64, 96, 128, 192, 256, 384, 512)
"""Pictures are filled up to one of these: few shapes, so that a batch is one pass."""
_GREY = 127
_BATCHES = (16, 4, 1)
"""So many pictures are read in one pass: the runtime prepares each shape of a batch anew, which
takes as long as reading three pictures."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What a picture says.

    Args:
        text: Empty when nothing was read.
        score: Probability of its least sure character, 0 to 1.
    """

    text: str
    score: float


class TextReader:
    """Reads one line a picture. Not safe to share between threads.

    Args:
        threads: Threads of one pass; by default one for each physical core.

    Attributes:
        version: Of the weights.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._network = Network(_WEIGHTS, threads, many_sizes=True)
        self._height = int(self._network.facts["height_px"])
        self.characters = str(self._network.facts["characters"])
        self.version = f"text-reader-{self._network.digest}"

    def beside_decoding(self) -> TextReader:
        """The same for where another thread decodes meanwhile."""
        other = copy.copy(self)
        other._network = self._network.beside_decoding()
        return other

    def read(
        self, images: Sequence[NDArray[np.uint8]], allowed: str | None = None
    ) -> list[Reading]:
        """The text of each BGR picture.

        Args:
            images: Each (H, W, 3), one line, hardly anything around it.
            allowed: Only these characters are considered.
        """
        kept = [0, *(1 + self.characters.index(c) for c in allowed or self.characters)]
        texts = np.array([0, *map(ord, allowed or self.characters)])
        return [_spelled(answer[:, kept], texts) for answer in self.answers(images)]

    def answers(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """(T, 1 + C) probabilities a picture: the blank, then :attr:`characters`, step by step."""
        widths = [self._width(image) for image in images]
        found: dict[int, NDArray[np.float32]] = {}
        for width in sorted(set(widths)):
            same = [i for i, w in enumerate(widths) if w == width]
            while same:
                size = next(size for size in _BATCHES if size <= len(same))
                chosen, same = same[:size], same[size:]
                batch = np.stack([self._line(images[i], width) for i in chosen])
                answer = next(iter(self._network(batch).values()))
                found.update(zip(chosen, answer.copy(), strict=True))
        return [found[i] for i in range(len(images))]

    def _width(self, image: NDArray[np.uint8]) -> int:
        needed = image.shape[1] * self._height / max(image.shape[0], 1)
        return next((width for width in _WIDTHS if width >= needed), _WIDTHS[-1])

    def _line(self, image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
        import cv2

        line = np.full((self._height, width, 3), _GREY, np.uint8)
        if min(image.shape[:2]) < 1:
            return line
        scaled = max(8, min(width, round(image.shape[1] * self._height / image.shape[0])))
        line[:, :scaled] = cv2.resize(image, (scaled, self._height))
        return line


def _spelled(answer: NDArray[np.float32], codes: NDArray[np.int64]) -> Reading:
    """Best character of each step; repetitions and blanks are dropped (greedy CTC)."""
    share = answer / np.maximum(answer.sum(1, keepdims=True), 1e-9)
    best = share.argmax(1)
    new = np.concatenate([[True], best[1:] != best[:-1]]) & (best > 0)
    text = "".join(chr(int(codes[i])) for i in best[new])
    if not text.strip():
        return Reading("", 0.0)
    # A character is as sure as the surest of the steps that spell it.
    group = np.cumsum(np.concatenate([[0], (best[1:] != best[:-1]).astype(int)]))
    sure = np.zeros(int(group[-1]) + 1)
    np.maximum.at(sure, group, share[np.arange(len(best)), best])
    return Reading(text.strip(), float(sure[group[new]].min()))
