"""Goals in the picture and the people at them."""

import numpy as np
import pytest

from jarvis_dagster.hockey.detection.base import Detections
from jarvis_dagster.hockey.detection.icemask import IceMask
from jarvis_dagster.hockey.detection.keepers import goal_distances, name_goalkeepers

ICE = IceMask(np.ones((60, 100), np.float32), 1.0)
GOAL = np.float32([[400, 200, 480, 260]])


def found(*boxes, share=(0.9, 0.06, 0.04), goals=GOAL, score=0.5):
    return Detections(
        xyxy=np.float32(boxes),
        score=np.full(len(boxes), 0.8, np.float32),
        class_index=np.zeros(len(boxes), np.int64),
        role_share=np.tile(np.float32(share), (len(boxes), 1)),
        goals=goals,
        goal_score=np.full(len(goals), score, np.float32),
    )


AT_GOAL, AWAY = (420, 190, 460, 270), (700, 190, 740, 270)


def test_who_stands_at_the_goal_keeps_it():
    named = name_goalkeepers(found(AT_GOAL, AWAY), ICE, 1000, 800)
    assert named.class_index.tolist() == [1, 0]
    np.testing.assert_allclose(named.role_share.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(named.role_share[1], [0.9, 0.06, 0.04], rtol=1e-5)


def test_the_network_is_trusted_about_whom_it_sees_well():
    named = name_goalkeepers(found(AT_GOAL), ICE, 1000, 300)
    assert named.class_index.tolist() == [0]


def test_a_sure_referee_behind_the_goal_stays_one():
    named = name_goalkeepers(found(AT_GOAL, share=(0.01, 0.0005, 0.9895)), ICE, 1000, 800)
    assert named.class_index.tolist() == [2]


@pytest.mark.parametrize("score", [0.05, 0.5])
def test_a_goal_off_the_ice_or_hardly_seen_says_nothing(score):
    mask = np.ones((60, 100), np.float32)
    if score > 0.1:
        mask[12:22, 30:60] = 0
    people = found(AT_GOAL, score=score)
    assert name_goalkeepers(people, IceMask(mask, 0.9), 1000, 800) is people


def test_without_goals_people_or_ice_nothing_changes():
    for people, mask in (
        (found(AT_GOAL, goals=np.zeros((0, 4), np.float32)), ICE),
        (Detections.none(), ICE),
        (found(AT_GOAL), IceMask(np.zeros((60, 100), np.float32), 0.0)),
    ):
        assert name_goalkeepers(people, mask, 1000, 800) is people


def test_a_goal_has_one_goalkeeper():
    beside = (470, 190, 510, 270)
    people = found(AT_GOAL, beside)
    people.role_share[0] = (0.5, 0.4, 0.1)
    named = name_goalkeepers(people, ICE, 1000, 800)
    assert named.class_index.tolist() == [1, 0]


def test_distance_is_in_own_heights():
    boxes = np.float32([[420, 190, 460, 270], [580, 190, 620, 270], [500, 150, 580, 310]])
    two = np.concatenate((GOAL, np.float32([[560, 200, 640, 260]])))
    np.testing.assert_allclose(
        goal_distances(boxes, two), [[0, 2], [2, 0], [100 / 160, 60 / 160]], rtol=1e-5
    )
