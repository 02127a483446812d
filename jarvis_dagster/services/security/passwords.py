"""Passwords, kept as Argon2 hashes.

Belongs here: making a hash, and comparing with one. Does not belong here: whose it is, and how
often somebody may try (``accounts``).
"""

from __future__ import annotations

from jarvis_dagster.errors import BadInputError

__all__ = ["hash_password", "is_password", "renewed"]

_MOST_CHARACTERS = 1024
_DECOY = (
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA"
    "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""A hash that no password has, so that unknown names take as long as known ones."""


def hash_password(password: str, least_characters: int) -> str:
    """What is kept of a password.

    Raises:
        BadInputError: it is too short or too long.
    """
    import argon2

    if len(password) < least_characters:
        raise BadInputError(
            f"The password has fewer than {least_characters} characters.",
            "Use a longer one: a few words will do.",
        )
    if len(password) > _MOST_CHARACTERS:
        raise BadInputError(
            f"The password has more than {_MOST_CHARACTERS} characters.", "Choose a shorter one."
        )
    return argon2.PasswordHasher().hash(password)


def is_password(kept: str | None, password: str) -> bool:
    """Whether what is kept is of this password; with None it is not, and takes as long."""
    import argon2

    try:
        argon2.PasswordHasher().verify(kept or _DECOY, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
    return kept is not None


def renewed(kept: str, password: str) -> str | None:
    """What to keep instead, where it was made by weaker rules than today's; else None."""
    import argon2

    hasher = argon2.PasswordHasher()
    return hasher.hash(password) if hasher.check_needs_rehash(kept) else None
