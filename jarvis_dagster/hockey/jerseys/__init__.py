"""Jersey numbers: who wears which, by all pictures of a track, with a probability.

Belongs here: which pictures are worth reading, reading them, what they say together, training the
network that reads them. Does not belong here: following people (``hockey/tracking``), text in
general (``hockey/text``).
"""

from jarvis_dagster.hockey.jerseys.belief import SURE
from jarvis_dagster.hockey.jerseys.reading import JerseyReading, read_jerseys

__all__ = ["SURE", "JerseyReading", "read_jerseys"]
