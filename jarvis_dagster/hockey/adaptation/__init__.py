"""How well videos are seen, and parameters that adapt to a camera's light.

Belongs here: evidence of a video, performance, drift, the bounded search, its proof, the rule
that says what to do. Does not belong here: where videos, parameters and decisions are kept
(``jarvis_dagster.autopilot``), when anything runs (``workflows``).
"""

from jarvis_dagster.hockey.adaptation.evidence import Evidence, Reviewed
from jarvis_dagster.hockey.adaptation.parameters import BOUNDS, NEUTRAL, Parameters
from jarvis_dagster.hockey.adaptation.performance import Performance, measure
from jarvis_dagster.hockey.adaptation.policy import Limits, Plan, Standing, plan
from jarvis_dagster.hockey.adaptation.reference import Reference, reference_of

__all__ = [
    "BOUNDS",
    "NEUTRAL",
    "Evidence",
    "Limits",
    "Parameters",
    "Performance",
    "Plan",
    "Reference",
    "Reviewed",
    "Standing",
    "measure",
    "plan",
    "reference_of",
]
