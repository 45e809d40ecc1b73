"""Examples of bodies and answers, by operation, recorded from a scenario that a test runs against the API.

`examples.json` is what it was last examples, with identifiers, times and digests that say nothing;
`BMS_WRITE_EXAMPLES=1 pytest tests/integration/api/test_openapi_examples.py` writes it.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

FILE = "examples.json"


@cache
def _examples() -> dict[str, dict[str, Any]]:
    examples: dict[str, dict[str, Any]] = msgspec.json.decode(files(__package__).joinpath(FILE).read_bytes())
    return examples


def of_body(operation: str) -> dict[str, Any]:
    """Returns the `example` for the body of `operation`, empty where the scenario has none."""
    return _example(operation, "body")


def of_answer(operation: str) -> dict[str, Any]:
    return _example(operation, "answer")


def _example(operation: str, side: str) -> dict[str, Any]:
    examples = _examples().get(operation, {})
    return {"example": examples[side]} if side in examples else {}
