"""Roles allow, scopes narrow, and nothing else is allowed."""

import pytest

from bms.core.access.principal import PERMISSIONS, ROLES, Principal, Role, check_role, check_scopes
from bms.core.errors import InvalidArgument, PermissionDenied


def principal(role: Role, *scopes: str) -> Principal:
    return Principal(tenant="t", user="u", key="k", role=role, scopes=frozenset(scopes))


def test_roles_grow_and_a_viewer_changes_nothing() -> None:
    assert ROLES["viewer"] < ROLES["developer"] < ROLES["admin"] < ROLES["owner"]
    assert all(permission.endswith(":read") for permission in ROLES["viewer"])
    assert not principal("viewer").may("inference:invoke")


def test_scopes_narrow_and_never_widen() -> None:
    narrow = principal("viewer", "models:read", "models:write")
    assert narrow.may("models:read")
    assert not narrow.may("models:write")
    assert not narrow.may("jobs:read")


def test_a_refusal_names_the_deed_the_role_and_the_scopes() -> None:
    with pytest.raises(PermissionDenied, match=r"'keys:write'.*'admin'.*models:read"):
        principal("admin", "models:read").require("keys:write")
    principal("admin").require("keys:write")


def test_unknown_roles_and_scopes_are_refused() -> None:
    assert check_role("owner") == "owner"
    assert check_scopes(PERMISSIONS) == PERMISSIONS
    with pytest.raises(InvalidArgument, match="unknown role 'root'"):
        check_role("root")
    with pytest.raises(InvalidArgument, match="unknown scopes all, root"):
        check_scopes(frozenset({"root", "all"}))
