"""The two networks for text, on text that the tests draw."""

import cv2
import numpy as np
import pytest

from jarvis_dagster.hockey.text import TextFinder, TextReader


@pytest.fixture(scope="module")
def reader():
    return TextReader(threads=1)


def line(text: str, scale: float = 1.2, light: bool = True) -> np.ndarray:
    """One line of text, tightly cut."""
    (wide, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, 2)
    ground, ink = ((40, 30, 30), (245, 245, 245)) if light else ((235, 235, 235), (30, 30, 30))
    image = np.full((tall + 14, wide + 14, 3), ground, np.uint8)
    cv2.putText(image, text, (7, tall + 6), cv2.FONT_HERSHEY_DUPLEX, scale, ink, 2, cv2.LINE_AA)
    return image


def test_lines_of_different_lengths_are_read_in_their_order(reader):
    texts = ["12:34", "2ND", "7", "HARBOUR", "0:59"]
    readings = reader.read([line(text, light=i % 2 == 0) for i, text in enumerate(texts)])
    assert [reading.text for reading in readings] == texts
    assert min(reading.score for reading in readings) > 0.6


def test_only_allowed_characters_are_considered(reader):
    (free,) = reader.read([line("O")])
    (digit,) = reader.read([line("O")], allowed="0123456789")
    assert free.text in ("O", "0", "o")
    assert digit.text == "0"


def test_nothing_is_read_where_nothing_is_written(reader):
    noise = np.random.default_rng(1).normal(120, 6, (30, 80, 3)).clip(0, 255).astype(np.uint8)
    empty, none = reader.read([noise, np.zeros((0, 5, 3), np.uint8)])
    assert empty.text == "" or empty.score < 0.5
    assert none.text == "" or none.score < 0.5
    assert reader.read([]) == []


def test_text_is_found_where_it_is():
    image = np.full((270, 480, 3), (90, 110, 70), np.uint8)
    part = line("19:42", scale=0.8)
    image[40 : 40 + part.shape[0], 60 : 60 + part.shape[1]] = part
    (box,) = TextFinder(threads=1).find(image, 480)
    assert abs(box.x1 - 66) < 8
    assert abs(box.x2 - (60 + part.shape[1] - 7)) < 8
    assert 36 < box.y1 < box.y2 < 44 + part.shape[0]
