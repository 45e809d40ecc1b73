"""The table of clients in docs/protocols.md and its Chinese twin, made of what the tests of clients found.

Each test keeps what its client tried by `keep`: in tried.json, or, as a check, equal to what is there. The table says
of a client only what was tried: everything that was has its words in rows.py. As a program, writes the tables.
"""

import json
import os
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.clients.rows import ROWS, Part

HERE = Path(__file__).parent
KEPT = HERE / "tried.json"
DOCS = HERE.parents[1] / "docs"
PAGES = {"en": DOCS / "protocols.md", "zh": DOCS / "protocols.zh-CN.md"}
BEGIN, END = "<!-- made by `make clients-table` -->\n", "<!-- end of what is made -->\n"
WRITES = bool(os.environ.get("BMS_WRITE_CLIENTS"))  # set by `make clients-table`
_HEADS = {
    "en": "| client | version | works | refused, in words | does not, and why |\n|---|---|---|---|---|\n",
    "zh": "| 客户端 | 版本 | 可用 | 拒绝并说明 | 不可用及原因 |\n|---|---|---|---|---|\n",
}
_JOINS = {"en": "; ", "zh": "；"}


def keep(client: str, version: str, lines: Iterable[dict[str, Any]]) -> None:
    """`lines` are what a script told, see telling.py. Fails where the table would say something else."""
    tried = {line["what"]: "got" if "got" in line else f"refused: {line['refused']}" for line in lines}
    found = {"version": version, "tried": dict(sorted(tried.items()))}
    if WRITES:
        kept = {**read(), client: found}
        KEPT.write_text(json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False) + "\n")
    assert read().get(client) == found, f"what {client} does has changed: run `make clients-table`"


def read() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return kept


def table(language: str) -> str:
    """In Markdown. Raises ValueError where something was tried that has no words, or has words and was not tried."""
    kept = read()
    if set(kept) != set(ROWS):
        raise ValueError(f"rows.py and tried.json tell of different clients: {sorted(set(kept) ^ set(ROWS))}")
    lines = []
    for client, row in ROWS.items():
        tried = kept[client]["tried"]
        parts = (*row.works, *row.refused, *row.lacks)
        for what in tried:
            if not any(_tells(part, what) for part in parts):
                raise ValueError(f"{client}: {what!r} was tried and has no words in rows.py")
        for part in parts:
            if not any(_tells(part, what) for what in tried):
                raise ValueError(f"{client}: nobody tried {part.en!r}")
        for part in row.works:
            if not any(_tells(part, what) and outcome == "got" for what, outcome in tried.items()):
                raise ValueError(f"{client}: {part.en!r} does not work")
        name = row.name if language == "en" else row.name_zh
        said = [_said(parts, language) for parts in (row.works, row.refused, row.lacks)]
        cells = (name, kept[client]["version"], *said)
        lines.append(f"| {' | '.join(cells)} |\n")
    return _HEADS[language] + "".join(lines)


def shown(page: str) -> str:
    """What a page has of it now."""
    return page.split(BEGIN)[1].split(END)[0]


def write() -> None:
    for language, path in PAGES.items():
        page = path.read_text()
        path.write_text(page.replace(BEGIN + shown(page) + END, BEGIN + table(language) + END))


def _tells(part: Part, what: str) -> bool:
    return any(fnmatchcase(what, pattern) for pattern in part.tried)


def _said(parts: tuple[Part, ...], language: str) -> str:
    return _JOINS[language].join(part.en if language == "en" else part.zh for part in parts)


if __name__ == "__main__":
    write()
