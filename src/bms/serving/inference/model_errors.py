"""Calls a model's code, which may raise anything, and turns what it raises into one of our errors."""

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from bms.core.errors import BmsError, Internal, ResourceExhausted
from bms.serving.inference.reasons import reason

T = TypeVar("T")
P = ParamSpec("P")
_log = logging.getLogger(__name__)


def call_foreign(doing: str, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Returns what `function` returns. Raises its BmsErrors as they are, ResourceExhausted when memory ran out, and
    Internal naming the class of anything else; `doing` says what failed, e.g. "running the model"."""
    try:
        return function(*args, **named)
    except BmsError:
        raise
    except MemoryError as error:
        raise ResourceExhausted(f"{doing} needed more memory than there is: send fewer rows or allow more") from error
    except BaseException as defect:  # models run foreign code; whatever it raises, its caller gets, and we go on
        _log.exception("%s raised an unexpected error", doing)
        raise Internal(f"{doing} failed with {reason(defect)}") from defect
