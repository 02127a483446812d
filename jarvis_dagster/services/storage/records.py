"""What is known of a logical name: its versions and its aliases.

Belongs here: the record as a value, and what may become of it. Does not belong
here: requests (``catalogue.py``), files, time.

A record is one JSON document, so that a new version, a rollback or a move of an
alias happens at once or not at all. A version's number is never used again.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, ConflictError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LATEST", "Record", "Version", "difference"]

LATEST = "latest"


@dataclasses.dataclass(frozen=True)
class Version:
    """One version of a name.

    Attributes:
        number: Counts from 1.
        id: Names the content under this name; two versions may share it.
        key: The object key of the content.
        size: In bytes.
        rolled_back_to: The number of the version that this one repeats.
        deleted: When it was moved to the trash; None if it was not.
        pinned: Whether retention must leave it alone.
    """

    number: int
    id: str
    key: str
    size: int
    sha256: str
    created: datetime
    metadata: Mapping[str, Any]
    rolled_back_to: int | None = None
    deleted: datetime | None = None
    pinned: bool = False

    def to_json(self) -> dict[str, Any]:
        """As JSON fields."""
        fields = dataclasses.asdict(self)
        for name in ("created", "deleted"):
            fields[name] = fields[name].isoformat() if fields[name] else None
        return fields

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Version:
        """From :meth:`to_json`."""
        times = {
            name: datetime.fromisoformat(fields[name]) if fields[name] else None
            for name in ("created", "deleted")
        }
        return cls(**{**fields, **times})


@dataclasses.dataclass(frozen=True)
class Record:
    """A logical name with its versions, oldest first.

    Attributes:
        last: The highest number ever used.
        purging: Contents that are being removed for good: id to who began when.
    """

    kind: str
    name: str
    component: str | None
    experiment_id: str | None
    versions: tuple[Version, ...] = ()
    aliases: Mapping[str, int] = dataclasses.field(default_factory=dict)
    last: int = 0
    purging: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the fields of a document."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"v": 1, **fields, "versions": [v.to_json() for v in self.versions]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], modified: datetime) -> Record:
        """From :meth:`to_json`, or from a record of before there were versions.

        Args:
            modified: When the document was written, for such a record.

        Raises:
            PermanentError: a newer version of Jarvis wrote it.
        """
        if "versions" not in fields:
            named = ("id", "key", "size", "sha256", "metadata")
            only = Version(1, created=modified, **{name: fields[name] for name in named})
            about = (fields["name"], fields["component"], fields["experiment_id"])
            return cls(str(fields["key"]).split("/")[0], *about, (only,), {}, 1)
        if fields["v"] != 1:
            raise PermanentError(
                f"The record of {fields.get('name')} has format {fields['v']}.",
                "Install a newer version of Jarvis.",
            )
        known = {field.name for field in dataclasses.fields(cls)}
        own = {name: value for name, value in fields.items() if name in known}
        own["versions"] = tuple(map(Version.from_json, fields["versions"]))
        return cls(**own)

    # -- what there is -----------------------------------------------------------

    @property
    def live(self) -> tuple[Version, ...]:
        """The versions that are not in the trash."""
        return tuple(version for version in self.versions if version.deleted is None)

    @property
    def latest(self) -> Version | None:
        """The newest version that is not in the trash."""
        return self.live[-1] if self.live else None

    def is_newest(self, version: Version) -> bool:
        """Whether the newest version has the content and the metadata of ``version``."""
        newest = self.latest
        return newest is not None and (newest.id, newest.metadata) == (
            version.id,
            version.metadata,
        )

    def described(self, version: Version) -> dict[str, Any]:
        """A version as ``list_artifacts`` shows it."""
        numbers = {one.number for one in self.of(version.id)}
        return {
            "id": version.id,
            "path": version.key,
            "size": version.size,
            "modified": version.created,
            "metadata": dict(version.metadata),
            "name": self.name,
            "sha256": version.sha256,
            "component": self.component,
            "experiment_id": self.experiment_id,
            "version": version.number,
            "aliases": sorted(name for name, at in self.aliases.items() if at in numbers),
        }

    def of(self, item_id: str) -> tuple[Version, ...]:
        """The versions with this content."""
        return tuple(version for version in self.versions if version.id == item_id)

    def current(self, item_id: str) -> Version | None:
        """The newest version with this content that is not in the trash."""
        return next((v for v in reversed(self.live) if v.id == item_id), None)

    def version(self, number: int) -> Version:
        """The version with this number.

        Raises:
            BadInputError: there is none, or it is in the trash.
        """
        for version in self.live:
            if version.number == number:
                return version
        there = ", ".join(str(version.number) for version in self.live) or "none"
        raise BadInputError(f"{self.name} has no version {number}.", f"There is: {there}.")

    def resolve(self, alias: str) -> Version:
        """The version that an alias, a number or ``latest`` means.

        Raises:
            BadInputError: nothing of that name.
        """
        if alias in self.aliases:
            return self.version(self.aliases[alias])
        if alias == LATEST and self.latest is not None:
            return self.latest
        if alias.isdecimal():
            return self.version(int(alias))
        there = ", ".join(self.aliases) or "none"
        raise BadInputError(f"{self.name} has no alias {alias!r}.", f"Aliases: {there}.")

    # -- what may become of it -----------------------------------------------------

    def added(self, version: Version) -> Record:
        """With one more version, whose number is the next.

        Raises:
            ConflictError: this content is being removed for good.
        """
        if version.id in self.purging:
            raise ConflictError(
                f"An older copy of {self.name} with this content is being removed.",
                "Try again; if it lasts, run `jarvis storage prune` to finish the removal.",
            )
        numbered = dataclasses.replace(version, number=self.last + 1)
        return dataclasses.replace(self, versions=(*self.versions, numbered), last=numbered.number)

    def with_alias(self, alias: str, number: int | None) -> Record:
        """With the alias at a version, or without it for None.

        Raises:
            BadInputError: the name is no alias, or there is no such version.
        """
        if not alias or not alias.isprintable() or alias == LATEST or alias.isdecimal():
            raise BadInputError(f"{alias!r} cannot be an alias.", "Use a word such as champion.")
        aliases = {name: at for name, at in self.aliases.items() if name != alias}
        if number is not None:
            aliases[alias] = self.version(number).number
        return dataclasses.replace(self, aliases=aliases)

    def holders(self, version: Version) -> list[str]:
        """Why this version must stay: its pin and its aliases."""
        aliases = [f"alias {name}" for name, at in self.aliases.items() if at == version.number]
        return (["pinned"] if version.pinned else []) + aliases

    def changed(self, numbers: set[int], **fields: Any) -> Record:
        """With ``fields`` of some versions changed."""
        versions = tuple(
            dataclasses.replace(v, **fields) if v.number in numbers else v for v in self.versions
        )
        return dataclasses.replace(self, versions=versions)


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What changed between two metadata: ``added``, ``removed`` and ``changed`` (old, new)."""
    return {
        "added": {name: new[name] for name in new if name not in old},
        "removed": {name: old[name] for name in old if name not in new},
        "changed": {
            name: (old[name], new[name]) for name in old if name in new and old[name] != new[name]
        },
    }
