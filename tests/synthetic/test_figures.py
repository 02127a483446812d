"""Single figures: the box is as tight as the drawn body."""

import numpy as np
import pytest

from jarvis_dagster.hockey.synthetic.camera import Camera
from jarvis_dagster.hockey.synthetic.figures import draw_figure
from jarvis_dagster.hockey.synthetic.people import make_kits, make_officials, make_team
from jarvis_dagster.hockey.synthetic.poses import goalkeeper_pose, official_pose, skater_pose

LENS = Camera(np.array([100.0, -70.0, 52.0]), np.array([100.0, 42.0, 0.0]), 1800.0, (1280, 720))
RNG = np.random.default_rng(1)
DARK, LIGHT = make_kits(RNG)
PLAYER, *_, KEEPER = make_team("A", 1, RNG)
REFEREE = make_officials(50, RNG)[0]


def drawn(person, kit, pose, heading=0.5, at=(100.0, 42.0)):
    return draw_figure(LENS, person, kit, (*at, heading), pose)


def body_bounds(figure):
    """The box as one would measure it in the picture: opaque pixels."""
    solid = figure.sprite[..., 3] > 127
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    x, y = figure.corner
    return x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1


@pytest.mark.parametrize("heading", [0.0, 1.5, 3.0, -1.5])
def test_an_officials_box_is_tight(heading):
    """Officials carry no stick: everything drawn is body."""
    figure = drawn(REFEREE, None, official_pose(0.7, 0.5, 12.0, 0.0), heading)
    assert np.abs(np.subtract(figure.box, body_bounds(figure))).max() <= 1.5


def test_the_stick_is_not_in_the_box():
    pose = skater_pose(0.3, 0.6, 15.0, True, 1.0)
    figure = drawn(PLAYER, DARK, pose, heading=0.0)
    x1, _, x2, y2 = body_bounds(figure)
    assert figure.box[0] >= x1 - 1
    assert figure.box[2] < x2 - 8
    assert figure.box[3] <= y2 + 1


@pytest.mark.parametrize(
    ("person", "kit", "pose"),
    [
        (PLAYER, DARK, skater_pose(0.3, 0.6, 15.0, True, 0.0)),
        (PLAYER, LIGHT, skater_pose(2.0, 0.1, 2.0, False, 0.0)),
        (KEEPER, LIGHT, goalkeeper_pose(0.0, True, 0.0)),
        (KEEPER, DARK, goalkeeper_pose(1.0, True, 0.0)),
        (REFEREE, None, official_pose(0.3, 0.6, 15.0, 1.0)),
    ],
)
def test_figures_stand_where_they_should_and_have_a_size(person, kit, pose):
    figure = drawn(person, kit, pose)
    foot = LENS.project((100.0, 42.0, 0.0))[0]
    scale = LENS.focal_px / LENS.project((100.0, 42.0, 0.0))[1]
    x1, y1, x2, y2 = figure.box
    assert x1 < foot[0] < x2
    assert abs(y2 - foot[1]) < 1.5 * scale
    assert 2.5 * scale < y2 - y1 < 8.6 * scale
    assert 0.25 < figure.area_px / ((x2 - x1) * (y2 - y1)) < 0.95


def test_a_goalkeeper_goes_down():
    up = drawn(KEEPER, DARK, goalkeeper_pose(0.0, True, 0.0)).box
    down = drawn(KEEPER, DARK, goalkeeper_pose(1.0, True, 0.0)).box
    assert down[3] - down[1] < 0.93 * (up[3] - up[1])
    assert down[2] - down[0] > 1.1 * (up[2] - up[0])


def test_kits_tell_the_teams_apart():
    pose = skater_pose(0.3, 0.2, 3.0, True, 0.0)
    means = []
    for kit in (DARK, LIGHT):
        sprite = drawn(PLAYER, kit, pose, heading=1.5).sprite
        rows = sprite[sprite.shape[0] // 4 : sprite.shape[0] // 2]
        means.append(rows[rows[..., 3] == 255][:, :3].mean())
    assert means[1] > means[0] + 40


def test_someone_out_of_view_is_not_drawn():
    pose = skater_pose(0.3, 0.2, 3.0, True, 0.0)
    assert drawn(PLAYER, DARK, pose, at=(5.0, 42.0)) is None
    assert drawn(PLAYER, DARK, pose, at=(100.0, -75.0)) is None
