"""docs/roles.md tells of every role and permission what the code does, in both languages."""

from pathlib import Path

import pytest

from bms.core.access.principal import PERMISSIONS, ROLES

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.parametrize("page", ["roles.md", "roles.zh-CN.md"])
def test_the_table_is_what_the_roles_allow(page: str) -> None:
    rows = [line.split("|")[1:-1] for line in (DOCS / page).read_text().splitlines() if line.startswith("| ")]
    roles = [name.strip() for name in rows[0][2:]]
    assert roles == ["viewer", "developer", "admin", "owner"]
    told = {
        cells[0].strip(" `"): {role for role, cell in zip(roles, cells[2:], strict=True) if cell.strip()}
        for cells in rows[1:]
    }
    assert told == {name: {role for role in ROLES if name in ROLES[role]} for name in PERMISSIONS}
    assert list(told) == sorted(told)
    assert all(cells[1].strip() for cells in rows)
