"""A key counts at every gateway from the moment its maker has it, and no longer than its revocation takes."""

from pathlib import Path

import httpx

from tests.whole_platform import whole_platform


def test_made_it_is_accepted_and_revoked_it_is_refused_without_waiting(tmp_path: Path) -> None:
    with whole_platform(tmp_path, "--gateways", "2") as platform, platform.client() as admin:
        for round_ in range(10):
            made = admin.keys.create(f"key-{round_}")
            assert _statuses(platform.url, made.text) == {200}
            admin.keys.revoke(made.key.id)
            assert _statuses(platform.url, made.text) == {401}


def _statuses(url: str, key: str) -> set[int]:
    """Of several requests, each on a connection of its own, so that both gateways are met."""
    headers = {"authorization": f"Bearer {key}"}
    return {httpx.get(f"{url}/v1/models", headers=headers, timeout=10, trust_env=False).status_code for _ in range(6)}
