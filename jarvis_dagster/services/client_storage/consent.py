"""Guardians' consent: whether material may leave Jarvis.

Belongs here: the policy hook and the one that reads a club's list of players.
Does not belong here: exporting and sharing, which ask it.
"""

from __future__ import annotations

import datetime
import fnmatch
import unicodedata
from typing import TYPE_CHECKING, Protocol

import pydantic
import yaml

from jarvis_dagster.errors import ConfigError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["ConsentError", "ConsentPolicy", "Player", "PlayerList"]


class ConsentError(PermanentError):
    """Material shows a minor whose guardian has not consented; nothing left Jarvis."""


class ConsentPolicy(Protocol):
    """Decides whether material may be exported or shared."""

    def require(self, material: Sequence[str], players: Sequence[str]) -> None:
        """Return when it may.

        Args:
            material: What it is called: the video, its path in the drive, the files.
            players: Who is known to be seen in it.

        Raises:
            ConsentError: somebody has not consented.
        """


class Player(pydantic.BaseModel):
    """One player of the list."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: str = pydantic.Field(min_length=1, description="As in rosters.")
    minor: bool = pydantic.Field(description="Whether the player is under age.")
    consent: bool = pydantic.Field(
        default=False, description="Whether a guardian has consented to passing material on."
    )
    consent_until: datetime.date | None = pydantic.Field(
        default=None, description="The last day of the consent; empty: until it is withdrawn."
    )
    seen_in: tuple[str, ...] = pydantic.Field(
        default=(),
        description="Names of videos that show the player; `*` stands for any text: `U14*`.",
    )

    def has_consented(self, today: datetime.date) -> bool:
        """Whether material of the player may be passed on."""
        in_time = self.consent_until is None or today <= self.consent_until
        return not self.minor or (self.consent and in_time)


class _File(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    players: tuple[Player, ...]


class PlayerList:
    """The policy of a YAML file ``players: [{name, minor, consent, ...}]``.

    It is read at every decision, so that a consent that is withdrawn counts
    at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def players(self) -> tuple[Player, ...]:
        """Everybody in the file.

        Raises:
            ConfigError: it is missing or damaged; then nobody's material is passed on.
        """
        try:
            return _File.model_validate(yaml.safe_load(self._path.read_text("utf-8"))).players
        except (OSError, UnicodeDecodeError, yaml.YAMLError, pydantic.ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(
                f"The list of players {self._path} cannot be read ({reason}).",
                "Mend it; until then nothing is exported.",
            ) from error

    def require(self, material: Sequence[str], players: Sequence[str]) -> None:
        """See :class:`ConsentPolicy`."""
        today = datetime.datetime.now(datetime.UTC).date()
        names = {_plain(name) for name in players}
        seen = [
            player
            for player in self.players()
            if _plain(player.name) in names or _shows(player, material)
        ]
        missing = sorted(player.name for player in seen if not player.has_consented(today))
        if missing:
            raise ConsentError(
                f"{_first(material)} shows {', '.join(missing)}, who is a minor"
                " without a guardian's consent; nothing was passed on.",
                f"Note the consent in {self._path.name}, then export again.",
            )


def _shows(player: Player, material: Sequence[str]) -> bool:
    patterns = [_plain(pattern) for pattern in player.seen_in]
    parts = {_plain(part) for name in material for part in (name, *name.split("/"))}
    return any(fnmatch.fnmatchcase(part, pattern) for part in parts for pattern in patterns)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().strip()


def _first(material: Sequence[str]) -> str:
    return material[0] if material else "The material"
