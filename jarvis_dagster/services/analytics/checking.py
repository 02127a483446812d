"""What callers hand in as dictionaries, checked.

Belongs here: naming what is wrong. Does not belong here: what is right (each model says that).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pydantic

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["checked"]

Model = TypeVar("Model", bound=pydantic.BaseModel)


def checked(model: type[Model], given: Mapping[str, Any], what: str) -> Model:
    """The model of what is given.

    Raises:
        BadInputError: naming what is wrong with ``what``.
    """
    try:
        return model.model_validate(dict(given))
    except pydantic.ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
            for one in error.errors(include_input=False)
        )
        raise BadInputError(f"The {what} is not valid ({faults}).") from None
