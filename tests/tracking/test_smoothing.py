"""Smoothing removes jitter, bridges misses, and gives way where people turn."""

from __future__ import annotations

import numpy as np

from jarvis_dagster.hockey.tracking.first_pass import FirstPass, for_noise
from jarvis_dagster.hockey.tracking.smoothing import spline, with_turns


def error(out, truth):
    return float(np.sqrt(((out - truth) ** 2).mean()))


def test_a_turn_is_followed_more_closely_than_by_an_even_spline():
    random = np.random.default_rng(0)
    time = np.arange(120.0)
    truth = np.stack([np.abs(time - 60) * 8, 300 + 0 * time], axis=1)
    seen = truth + random.normal(0, 2, truth.shape)
    weight = np.ones(120)
    weight[random.random(120) < 0.1] = 0
    plain, turning = spline(weight, seen, 3.0), with_turns(weight, seen, 3.0)
    assert error(turning[55:66], truth[55:66]) < error(plain[55:66], truth[55:66])
    assert error(turning, truth) < error(plain, truth) < error(seen, truth)


def test_what_does_not_turn_at_all_stays_as_it_is():
    line = np.linspace(0, 100, 30)[:, None]
    np.testing.assert_allclose(with_turns(np.ones(30), line, 3.0), line, atol=1e-6)


def test_sharp_boxes_have_a_wider_gate_in_units_of_their_noise():
    gates = [for_noise(noise).gate for noise in (0.01, 0.025, 0.04, 0.05, 0.2)]
    assert gates == sorted(gates, reverse=True)
    assert gates[0] > gates[-1] == FirstPass().gate
