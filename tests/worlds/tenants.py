"""A tenant of a platform that many test files share: to them it is one of their own, and starting it costs once."""

from bms.sdk import Client
from tests.worlds.platforms import PATIENCE_S, Ran, RealPlatform, bms

CANARY = "canary-of-the-environment"  # what the environment held in which the shared platform was started


class TenantsPlatform(RealPlatform):
    """What an owner of the tenant sees of `host`: commands are told where it is and with which key, not its home."""

    def __init__(self, host: RealPlatform, key: str) -> None:
        super().__init__(host.home)
        self._key = key

    @property
    def key(self) -> str:
        return self._key

    def client(self) -> Client:
        return Client(self.url, self._key)

    def bms(self, *arguments: str, at: bool = True, patience_s: float = PATIENCE_S, **environment: str) -> Ran:
        where = {"BMS_URL": self.url, "BMS_KEY": self._key} if at else {}
        return bms(*arguments, patience_s=patience_s, **where, **environment)
