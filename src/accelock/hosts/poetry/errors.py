"""Errors at Poetry's door: a message for the user, and no traceback."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cleo.exceptions import CleoUserError

from accelock.errors import AccelockError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator


class UserError(CleoUserError):
    """What Poetry's console shows as one message; other errors it shows with source code."""

    exit_code = 1


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Turn accelock's errors into such as Poetry's console shows plainly.

    :raises UserError: in place of any AccelockError.
    """
    try:
        yield
    except MissingExtraError as error:  # the plugin is where Poetry is, and not in the project
        raise UserError(error.for_plugin()) from error
    except AccelockError as error:
        raise UserError(str(error)) from error
