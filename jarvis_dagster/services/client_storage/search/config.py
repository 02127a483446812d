"""Settings of the search.

Belongs here: what a person may set. Does not belong here: behaviour.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["SearchConfig"]


class SearchConfig(BaseModel):
    """How much of a file is read for the search, and with what limits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_file_mb: int = Field(
        200, ge=1, description="Larger files are not fetched; they are found by name alone."
    )
    max_text_chars: int = Field(
        1_000_000, ge=1_000, description="Characters of a file's text that are indexed."
    )
    downloads_at_once: int = Field(
        4, ge=0, le=16, description="Files that are fetched ahead from a drive that is not local."
    )
    memory_mb: int = Field(
        1_024, ge=512, description="Memory (address space) of the process that reads files."
    )
    cpu_s: float = Field(
        30, gt=0, description="Seconds of processor time in which a file must be read."
    )
    wall_s: float = Field(60, gt=0, description="Seconds in which a file must be read.")
    readers_max_age_h: float = Field(
        24,
        ge=0,
        description="Hours after which every file is asked again who may see it, "
        "also where the drive told of no change.",
    )
