"""What the API says holds at every gateway: keys made and revoked, deployments that serve."""

import httpx

from bms.sdk.deployments import Target
from tests.sizes import enough
from tests.worlds.platforms import RealPlatform
from tests.worlds.whole_platform import deploy, push


def test_made_it_is_accepted_and_revoked_it_is_refused_without_waiting(tenant: RealPlatform) -> None:
    with tenant.client() as admin:
        for round_ in range(enough(5, 10)):
            made = admin.keys.create(f"key-{round_}")
            assert _statuses(tenant.url, made.text) == {200}
            admin.keys.revoke(made.key.id)
            assert _statuses(tenant.url, made.text) == {401}


def _statuses(url: str, key: str) -> set[int]:
    """Of several requests, each on a connection of its own, so that both gateways are met."""
    headers = {"authorization": f"Bearer {key}"}
    return {httpx.get(f"{url}/v1/models", headers=headers, timeout=10, trust_env=False).status_code for _ in range(6)}


def test_a_deployment_that_says_it_serves_is_served_by_every_gateway(tenant: RealPlatform) -> None:
    with tenant.client() as admin:
        version = push(admin, "digits")
        for round_ in range(enough(2, 5)):
            deploy(admin, f"digits-{round_}", "digits", Target(version=version.number))
            path = f"{tenant.url}/v2/models/digits-{round_}/ready"
            headers = {"authorization": f"Bearer {tenant.key}"}
            assert {httpx.get(path, headers=headers, trust_env=False).status_code for _ in range(6)} == {200}
