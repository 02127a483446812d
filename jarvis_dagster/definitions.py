"""The code location that Dagster loads; see ``build.py``."""

from jarvis_dagster.build import build_definitions

defs = build_definitions()
