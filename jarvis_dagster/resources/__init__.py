"""Thin Dagster resources; each hands out one service.

Belongs here: what turns settings into a service for a run. Does not belong
here: logic. A resource holds the name of a settings file rather than settings,
so that no secret ever is a value that Dagster shows.
"""
