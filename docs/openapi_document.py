"""The API's description as a file, `docs/openapi.json`, so that every change of the API is seen as a difference."""

import json
from inspect import signature
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from bms.app.control import assembly as parts
from bms.web.api.openapi.document import describe

GOLDEN = Path(__file__).parent / "openapi.json"


def document() -> dict[str, Any]:
    """As the API would give it now, without a version. Rows alone are read: what they are handlers of is not made."""
    rows = parts._endpoints(*[MagicMock()] * len(signature(parts._endpoints).parameters))
    read: dict[str, Any] = json.loads(json.dumps(describe([row for row in rows if not row.foreign], "")))
    return read


def text(described: dict[str, Any]) -> str:
    """Sorted and indented: one member a line, where a difference shows it."""
    return json.dumps(described, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
