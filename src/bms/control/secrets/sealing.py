"""Gathers what a workload is handed at its start: the secrets that its model names, and the addresses that it may
reach."""

from typing import Protocol

import msgspec

from bms.control.platform.objects import ObjectStore
from bms.control.platform.trees import get_tree
from bms.control.secrets.service import SecretService
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.serving.upstreams import BESIDE, FILE, MAX_BYTES, Upstream, parse_allowed, place_of, read_upstream
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.programs import StdinSecrets


class SecretEncryption(Protocol):
    """The port to what a process is handed by its standard input."""

    async def of(self, tenant: str, artifact: str, environment: EnvironmentSpec) -> StdinSecrets:
        """The secrets and addresses of a process that opens the artifact (a tree's digest) of a tenant in this
        environment.

        Raises FailedPrecondition for a secret that may not be handed over, NotFound for one that is not there.
        """
        ...


class UpstreamSealing:
    """Gives secrets only to artifacts that describe an upstream, as read from their content; nothing to all others."""

    def __init__(self, objects: ObjectStore, secrets: SecretService, allowed: tuple[str, ...] = ()) -> None:
        """`allowed` is what the operator allows beyond public addresses. Raises InvalidArgument."""
        parse_allowed(allowed)
        self._objects = objects
        self._secrets = secrets
        self._allowed = allowed

    async def of(self, tenant: str, artifact: str, environment: EnvironmentSpec) -> StdinSecrets:
        upstream = await self._upstream(tenant, artifact)
        if upstream is None:
            return StdinSecrets()
        if environment != EnvironmentSpec():
            raise FailedPrecondition(
                "a model with an upstream runs in the platform's own environment, since packages of other ones could "
                "read its secret: upload it without requirements and without a Python version"
            )
        if upstream.secret is None:
            return StdinSecrets(upstreams=self._allowed, network=True)
        secret, value = await self._secrets.value(tenant, upstream.secret)
        host = place_of(upstream.url).host
        if secret.hosts and host not in secret.hosts:
            raise FailedPrecondition(
                f"the secret {secret.name!r} may be sent to {', '.join(secret.hosts)} alone, and the upstream is on "
                f"{host!r}: name another secret, or let an admin of the tenant set it for this host too"
            )
        return StdinSecrets(secrets={secret.name: value}, upstreams=self._allowed, network=True)

    async def _upstream(self, tenant: str, artifact: str) -> Upstream | None:
        """The upstream that the artifact describes; None also for a file that describes none: the runtime says what is
        wrong with it."""
        files = {file.path: file for file in (await get_tree(self._objects, tenant, artifact)).files}
        if FILE not in files or not BESIDE.issuperset(files) or files[FILE].size > MAX_BYTES:
            return None
        content = b"".join([chunk async for chunk in self._objects.read(tenant, files[FILE].digest)])
        try:
            return read_upstream(content)
        except InvalidArgument:
            return None


class _Nothing:
    async def of(self, tenant: str, artifact: str, environment: EnvironmentSpec) -> StdinSecrets:
        return StdinSecrets()


NOTHING: SecretEncryption = _Nothing()
"""Hands over nothing."""


def encode_sealed(sealed: StdinSecrets) -> bytes:
    """The encoding for `Cluster.start`; empty where there is nothing to hand over."""
    return msgspec.msgpack.encode(sealed) if sealed != StdinSecrets() else b""
