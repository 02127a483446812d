"""The rinks' measures and pictures."""

import numpy as np
import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.rink import (
    RINKS,
    draw_rink,
    minimap_size_px,
    rink_named,
    rink_to_minimap,
)


@pytest.mark.parametrize("name", RINKS)
def test_markings_lie_on_the_ice_and_mirror_each_other(name):
    rink = RINKS[name]
    dots = np.array([*rink.end_dots_ft, *rink.neutral_dots_ft])
    assert (rink.signed_distance_ft(dots) < -5).all()
    mirrored = np.array([rink.length_ft, rink.width_ft]) - dots
    gaps = np.linalg.norm(dots[:, None] - mirrored[None], axis=2)
    assert gaps.min(axis=1).max() < 1e-9


def test_nhl_has_the_published_measures():
    rink = RINKS["NHL"]
    assert (rink.length_ft, rink.width_ft, rink.corner_radius_ft) == (200, 85, 28)
    assert rink.goal_lines_ft == (11, 189)
    assert rink.blue_lines_ft == (75, 125)
    assert rink.end_dots_ft[0] == (31, 20.5)
    assert rink.neutral_dots_ft[3] == (120, 64.5)


def test_iihf_is_sixty_by_thirty_metres():
    rink = RINKS["IIHF"]
    assert rink.length_ft * 0.3048 == pytest.approx(60)
    assert rink.width_ft * 0.3048 == pytest.approx(30)


def test_signed_distance_knows_the_round_corners():
    rink = RINKS["NHL"]
    assert rink.signed_distance_ft((100, 42.5)) == pytest.approx(-42.5)
    assert rink.signed_distance_ft((100, -2)) == pytest.approx(2)
    assert rink.signed_distance_ft((0, 0)) == pytest.approx(28 * (2**0.5 - 1))
    outline = rink.outline_ft()
    assert np.abs(rink.signed_distance_ft(outline)).max() < 1e-9
    assert np.allclose(rink.signed_distance_ft(rink.outline_ft(inset_ft=3)), -3)


def test_the_nearest_boards_are_where_the_distance_falls():
    rink = RINKS["NHL"]
    rng = np.random.default_rng(2)
    points = rng.uniform((-3, -3), (203, 88), (300, 2))
    distance, normal = rink.boards_from(points)
    assert np.allclose(distance, rink.signed_distance_ft(points))
    assert np.allclose(np.linalg.norm(normal, axis=1), 1)
    near = distance > -20
    touched = points[near] - normal[near] * distance[near, None]
    assert np.abs(rink.signed_distance_ft(touched)).max() < 1e-6


def test_unknown_rink_is_refused_by_name():
    with pytest.raises(BadInputError, match=r"'KHL'.*NHL, IIHF"):
        rink_named("KHL")


@pytest.mark.parametrize("width", [180, 640])
def test_picture_shows_lines_where_the_minimap_says(width):
    picture = draw_rink(width, "NHL")
    assert picture.shape == (*minimap_size_px(width, "NHL")[::-1], 3)

    def colour(x, y):
        column, row = rink_to_minimap((x, y), width, "NHL")
        return picture[int(row), int(column)].astype(int)

    blue, red, ice = colour(75, 15), colour(100, 70), colour(50, 42)
    assert blue[0] > blue[2] + 40
    assert red[2] > red[0] + 40
    assert ice.min() > 230


def test_near_boards_are_at_the_bottom():
    near, far = rink_to_minimap([(100, 0), (100, 85)], 400, "NHL")
    assert near[1] > far[1]


def test_pictures_are_not_shared():
    first = draw_rink(200, "IIHF")
    first[:] = 0
    assert draw_rink(200, "IIHF").max() == 255
