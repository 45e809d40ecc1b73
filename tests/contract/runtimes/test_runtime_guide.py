"""What CONTRIBUTING.md shows of a runtime is what the files hold."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_code_that_is_shown_is_the_real_one() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("## A new runtime\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^   ```python\n   # (\S+)\n(.*?)^   ```", section, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    for path, shown in blocks:
        assert "".join(line.removeprefix("   ") for line in shown.splitlines(True)) in (ROOT / path).read_text(), path


def test_every_file_that_is_named_is_there() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("## A new runtime\n")[2].partition("\n## ")[0]
    named = re.findall(r"`((?:src|tests)/[\w/.]+\.py)`", section)
    assert len(named) >= 6
    assert [path for path in named if not (ROOT / path).is_file()] == []
