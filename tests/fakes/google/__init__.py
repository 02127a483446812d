"""A Google Drive on this machine: the published protocol, state in memory, faults on request."""

from tests.fakes.google.server import GoogleServer

__all__ = ["GoogleServer"]
