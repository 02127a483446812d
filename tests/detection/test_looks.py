"""Two looks at one picture become one answer."""

import numpy as np

from jarvis_dagster.hockey.detection.base import Detections
from jarvis_dagster.hockey.detection.looks import merge_looks


def look(*people, goals=()):
    """Rows x1, y1, x2, y2, score, p(goalkeeper)."""
    rows = np.float32(people).reshape(-1, 6)
    share = np.stack((1 - rows[:, 5], rows[:, 5], np.zeros(len(rows))), 1).astype(np.float32)
    nets = np.float32(goals).reshape(-1, 5)
    return Detections(rows[:, :4], rows[:, 4], share.argmax(1), share, nets[:, :4], nets[:, 4])


def test_one_look_is_the_answer():
    only = look((0, 0, 10, 20, 0.9, 0.1))
    assert merge_looks([only], 0.35) is only


def test_boxes_of_one_person_become_their_weighted_mean():
    merged = merge_looks([look((0, 0, 10, 20, 0.9, 0.2)), look((2, 0, 12, 20, 0.3, 0.8))], 0.35)
    np.testing.assert_allclose(merged.xyxy, [[0.5, 0, 10.5, 20]], rtol=1e-5)
    np.testing.assert_allclose(merged.score, [0.6], rtol=1e-5)
    np.testing.assert_allclose(merged.role_share, [[0.65, 0.35, 0]], rtol=1e-5)


def test_who_is_seen_once_is_doubted():
    once, twice = (50, 0, 60, 20, 0.6, 0), (0, 0, 10, 20, 0.4, 0)
    merged = merge_looks([look(once, twice), look(twice)], 0.35)
    np.testing.assert_allclose(merged.xyxy, [[0, 0, 10, 20]])
    assert merged.score.tolist() == [np.float32(0.4)]


def test_goals_are_merged_too_and_nobody_is_fine():
    net = (100, 0, 140, 30, 0.5)
    merged = merge_looks([look(goals=[net]), look(goals=[net])], 0.35)
    assert len(merged) == 0
    np.testing.assert_allclose(merged.goals, [net[:4]])
    assert len(merge_looks([look(), look()], 0.35)) == 0
