"""Finds the server a command talks to, and the key: from options, then environment, then profile, then a home."""

import tomllib
from pathlib import Path

import msgspec

from bms.app.settings import DEFAULT_HOME, ClientSettings
from bms.core.errors import InvalidArgument, NotFound, Unavailable
from bms.sdk import Client
from bms.sdk.transport.credentials import clean_key
from bms.sdk.trust import Trust


class ServerProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of the profile file (TOML)."""

    url: str
    key: str | None = None
    ca: str | None = None  # a file of authorities to believe
    certificate: str | None = None  # a file with the server's own certificate, the only one to believe


class EndpointFile(msgspec.Struct, frozen=True):
    """The content of HOME/run/endpoint.json."""

    url: str
    pid: int
    certificate: str | None = None


class ServerConnection(msgspec.Struct, frozen=True, kw_only=True):
    """The server's address, and the key to use; `home` where the server is a platform of this machine."""

    url: str
    key: str | None
    home: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None

    def client(self) -> Client:
        return Client(self.url, self.key, trust=Trust(self.ca, self.certificate))


def find(
    url: str | None, key: str | None, home: Path | None, settings: ClientSettings, ca: Path | None = None
) -> ServerConnection:
    """Finds the connection from options, environment, profile and home. Raises Unavailable when a home's platform is
    not running, InvalidArgument when nothing says where to.

    The profile's key goes to the profile's server alone, a home's key to that home's platform alone.
    """
    key, ca = key_of(key) or clean_key(settings.key), ca or settings.ca
    if home is not None:
        if url is not None:
            raise InvalidArgument("give --url or --home, not both")
        return of_home(home, key)
    if url or settings.url:
        return ServerConnection(url=str(url or settings.url), key=key, ca=ca)
    profile = read_profile(settings.profile)
    if profile is not None:
        ca = ca or (Path(profile.ca) if profile.ca else None)
        certificate = Path(profile.certificate) if profile.certificate and ca is None else None
        return ServerConnection(url=profile.url, key=key or clean_key(profile.key), ca=ca, certificate=certificate)
    if (default := DEFAULT_HOME.expanduser()).is_dir():
        return of_home(default, key)
    raise InvalidArgument(
        "no server is named: give --url and --key, or --home DIR, set BMS_URL and BMS_KEY, or start one with `bms up`"
    )


def of_home(home: Path, key: str | None = None) -> ServerConnection:
    """Connects to the running platform of a home, by its admin key unless `key` is given, and by its own
    certificate."""
    home = home.expanduser().resolve()
    if not home.is_dir():
        raise NotFound(f"there is no home {home}: start a platform with `bms up --home {home}`")
    try:
        endpoint = msgspec.json.decode((home / "run" / "endpoint.json").read_bytes(), type=EndpointFile)
    except FileNotFoundError:
        raise Unavailable(f"nothing runs on {home}: start it with `bms up --home {home}`") from None
    if key is None:
        try:
            key = clean_key((home / "admin.key").read_text())
        except FileNotFoundError:
            raise NotFound(f"{home / 'admin.key'} is gone: give a key with --key or BMS_KEY") from None
    certificate = Path(endpoint.certificate) if endpoint.certificate else None
    return ServerConnection(url=endpoint.url, key=key, home=home, certificate=certificate)


def key_of(text: str | None) -> str | None:
    """Reads a key as given, or from the file that `@FILE` names, which keeps it off the command line. Raises NotFound
    without that file, InvalidArgument for what can't be a key."""
    if text is None or not text.startswith("@"):
        return clean_key(text)
    path = Path(text[1:]).expanduser()
    try:
        return clean_key(path.read_text())
    except FileNotFoundError:
        raise NotFound(f"there is no file {str(path)!r} to read the key from (--key @FILE)") from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise InvalidArgument(f"no key can be read from {str(path)!r}: {why}") from None


def read_profile(path: Path) -> ServerProfile | None:
    """Reads the profile file; None without one. Raises InvalidArgument for one that is not as it should be."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        return msgspec.convert(tomllib.loads(text), ServerProfile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidArgument(f'{path} is no profile: {error}; expected lines like url = "http://…"') from None
