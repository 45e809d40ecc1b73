"""Checks the documentation: links lead somewhere, and what is made of the program is that of the program: the command
reference, the tables of events and of settings, and the description of the API.

`--write` writes them first; a description that breaks clients, only where the changelog says so.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from event_table import with_table
from openapi_changes import changes, says_breaking
from openapi_document import GOLDEN, document, text
from settings_table import with_settings

from bms.cli.reference import markdown

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "cli.md"
# Pages with a table that is made, and whether in Chinese.
EVENTS = {ROOT / "docs" / "events.md": False, ROOT / "docs" / "events.zh-CN.md": True}
SETTINGS = {ROOT / "docs" / "settings.md": False, ROOT / "docs" / "settings.zh-CN.md": True}
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def broken_links(page: Path) -> list[str]:
    """Links of `page` to files or headings of this repository that are not there."""
    broken = []
    for found in LINK.finditer(FENCE.sub("", page.read_text())):
        target = found[1] or found[2]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (heading and heading not in anchors(path)):
            broken.append(f"{page.relative_to(ROOT)}: {target} leads nowhere")
    return broken


def anchors(page: Path) -> set[str]:
    """The anchors of a Markdown page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def unsaid(described: dict[str, Any]) -> list[str]:
    """What `described` breaks of the description in the file, where the changelog does not say that anything does."""
    if not GOLDEN.exists() or says_breaking((ROOT / "CHANGELOG.md").read_text()):
        return []
    broken = [change for change in changes(json.loads(GOLDEN.read_text()), described) if change.breaking]
    lacking = "and no line of CHANGELOG.md's Unreleased begins with **Breaking**"
    return [f"{change.where} {change.what}, {lacking}" for change in broken]


def main() -> int:
    described = document()
    problems = unsaid(described)
    if "--write" in sys.argv:
        if not problems:
            GOLDEN.write_text(text(described))
        REFERENCE.write_text(markdown())
        for page, chinese in EVENTS.items():
            page.write_text(with_table(page.read_text(), chinese))
        for page, chinese in SETTINGS.items():
            page.write_text(with_settings(page.read_text(), chinese))
    pages = [page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if page.is_file()]
    problems += [problem for page in pages for problem in broken_links(page)]
    if not REFERENCE.exists() or REFERENCE.read_text() != markdown():
        problems.append("docs/cli.md is not that of the commands: run `make docs`")
    for page, chinese in EVENTS.items():
        if page.read_text() != with_table(page.read_text(), chinese):
            problems.append(f"docs/{page.name} is not that of the catalogue of events: run `make docs`")
    for page, chinese in SETTINGS.items():
        if page.read_text() != with_settings(page.read_text(), chinese):
            problems.append(f"docs/{page.name} is not that of `bms.app.variables`: run `make docs`")
    if not GOLDEN.exists() or GOLDEN.read_text() != text(described):
        problems.append("docs/openapi.json is not the description of the API: run `make docs`")
    for problem in problems:
        print(problem)
    print(f"{len(pages)} pages, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
