"""What the API says holds at every gateway: keys made and revoked, deployments that serve."""

from pathlib import Path

import httpx

from bms.sdk.deployments import Target
from tests.whole_platform import deploy, push, whole_platform


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


def test_a_deployment_that_says_it_serves_is_served_by_every_gateway(tmp_path: Path) -> None:
    with whole_platform(tmp_path, "--gateways", "2") as platform, platform.client() as admin:
        version = push(admin, "digits")
        for round_ in range(5):
            deploy(admin, f"digits-{round_}", "digits", Target(version=version.number))
            path = f"{platform.url}/v2/models/digits-{round_}/ready"
            headers = {"authorization": f"Bearer {platform.key}"}
            assert {httpx.get(path, headers=headers, trust_env=False).status_code for _ in range(6)} == {200}
