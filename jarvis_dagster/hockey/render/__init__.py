"""The annotated video: what was found, drawn on the footage.

Belongs here: drawing. Does not belong here: finding anything out; what is drawn
comes from the tables.
"""

from jarvis_dagster.hockey.render.annotate import render_annotated
from jarvis_dagster.hockey.render.style import DEFAULT_TEAM_COLOURS

__all__ = ["DEFAULT_TEAM_COLOURS", "render_annotated"]
