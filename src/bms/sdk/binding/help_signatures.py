"""Signatures for `help` and editors: a method's parameters without `self`, and its result instead of the flow behind
it."""

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, get_args, get_origin

from bms.sdk.transport.flow import Item


def signature_of(flow: Callable[..., Any], *, stream: bool, awaited: bool) -> inspect.Signature:
    """The signature to show for the method made of `flow`: `stream` yields items; `awaited` is of the asyncio
    client."""
    own = inspect.signature(flow)
    answer = _items(own.return_annotation) if stream else _result(own.return_annotation)
    several: Any = AsyncIterator if awaited else Iterator
    waited: Any = Coroutine
    given = several[answer] if stream else waited[Any, Any, answer] if awaited else answer
    return own.replace(parameters=list(own.parameters.values())[1:], return_annotation=given)


def _result(flow: Any) -> Any:
    """T of Flow[T]."""
    return (get_args(flow) or (Any,))[-1]


def _items(flow: Any) -> Any:
    """T of Stream[T]."""
    steps = get_args(flow)[0] if get_args(flow) else Any
    return next((get_args(step)[0] for step in get_args(steps) if get_origin(step) is Item), Any)
