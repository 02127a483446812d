"""Temporal workflows, their activities, and the worker that serves them.

Belongs here: what loops or lasts. Does not belong here: Dagster, and the
hockey and services code that the activities call.
"""

__all__: list[str] = []
