"""The core services: storage, drives, experiments, workflows, analytics.

Belongs here: plain Python that talks to a server and can be used from a
notebook. Does not belong here: Dagster, hockey, and wiring (``build.py``).
"""

__all__: list[str] = []
