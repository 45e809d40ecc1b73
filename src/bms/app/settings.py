"""All settings that come from outside: the one place that reads environment variables."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bms.adapters.environments.sources import PackageSources, holds_password
from bms.app.rules import WorkloadRules
from bms.app.variables import family, value
from bms.core.errors import InvalidArgument

HOME_VARIABLE = "BMS_HOME_SERVICE"  # marks the platform's own processes; workloads carry a mark of their own
MAX_GATEWAYS = 64
DEFAULT_HOME = Path("~/.bms")
DEFAULT_NODE_HOME = Path("~/.bms-node")
HERE = "none"  # said for a node agent: this machine runs models and jobs, whatever an earlier start was told

QUIET = {  # libraries that report home unless told not to
    "ORT_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
MALLOC = {  # glibc maps and unmaps every large buffer by default, which costs image tensors a factor of three
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),  # the most that glibc accepts
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
}
_KEPT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "PYTHONPATH", "VIRTUAL_ENV")
_KEPT_FAMILIES = ("LC_", "PIP_", "UV_", "COVERAGE_")
_INDEX = "BMS_INDEX_"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class UpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `bms up`. `port` 0: any free one. `control` and `gateway` are the arguments of their
    interpreters."""

    home: str
    host: str = "127.0.0.1"
    port: int = 8000
    gateways: int = 1
    database_url: str = ""  # empty: SQLite in the home
    max_jobs: int = 2
    log_level: str = "INFO"
    drain_s: float = 30.0
    openai_tokens: str = ""  # path of a vocabulary for token ids that OpenAI's clients send; empty: none
    tls_certificate: str = ""  # paths of PEM files; empty: no TLS
    tls_key: str = ""
    origins: tuple[str, ...] = ()  # whose pages may read answers in a browser
    proxies: tuple[str, ...] = ()  # networks of proxies that say whom a request is from
    rules: WorkloadRules = WorkloadRules()
    control: tuple[str, ...] = ("-m", "bms.app.launch", "bms.app.control")
    gateway: tuple[str, ...] = ("-m", "bms.app.gateway")

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InvalidArgument(f"port is {self.port}, expected 0 to 65535")
        if not 1 <= self.gateways <= MAX_GATEWAYS:
            raise InvalidArgument(f"gateways is {self.gateways}, expected 1 to {MAX_GATEWAYS}")
        if not Path(self.home).is_absolute():
            raise InvalidArgument(f"home {self.home!r} is not an absolute path")
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise InvalidArgument("TLS needs a certificate and its key: give --tls-cert and --tls-key, both or neither")

    @property
    def scheme(self) -> str:
        return "https" if self.tls_certificate else "http"


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The client's settings: where commands find their server unless an option says otherwise. None: not set."""

    url: str | None = None
    key: str | None = None
    ca: Path | None = None
    profile: Path


def client_settings(environment: Mapping[str, str] = os.environ) -> ClientSettings:
    """The client's settings, from BMS_URL, BMS_KEY and BMS_CA; the profile file is $XDG_CONFIG_HOME/bms/profile.toml or
    ~/.config/…"""
    folder = environment.get("XDG_CONFIG_HOME") or f"{environment.get('HOME', '/')}/.config"
    return ClientSettings(
        url=value(environment, "BMS_URL") or None,
        key=value(environment, "BMS_KEY") or None,
        ca=Path(ca) if (ca := value(environment, "BMS_CA")) else None,
        profile=Path(folder) / "bms" / "profile.toml",
    )


def database_url(environment: Mapping[str, str] = os.environ) -> str:
    """The database's URL, from BMS_DATABASE_URL; empty means SQLite in the home. It is no option, since everybody can
    read a command line."""
    return value(environment, "BMS_DATABASE_URL")


def package_sources(
    index_url: str = "",
    extra_index_urls: Sequence[str] = (),
    find_links: Sequence[str] = (),
    named: Sequence[str] = (),
    offline: bool = False,
    environment: Mapping[str, str] = os.environ,
) -> PackageSources:
    """The package indexes: from the options of `bms up` (`named` are NAME=URL), else from BMS_INDEX_URL,
    BMS_EXTRA_INDEX_URL, BMS_FIND_LINKS (each several by white space), BMS_INDEX_<NAME> and BMS_OFFLINE.

    Raises InvalidArgument; also for an option that holds a password, since everybody can read a command line.
    """
    by_name = {name.lower().replace("_", "-"): url for name, url in family(environment, "BMS_INDEX_<NAME>").items()}
    for text in named:
        name, sign, url = text.partition("=")
        if not sign:
            raise InvalidArgument(f"--index is {text.rpartition('@')[2]!r}, expected NAME=URL")
        by_name[name] = url
    for option, variable, url in (
        ("--index-url", f"{_INDEX}URL", index_url),
        *(("--extra-index-url", "BMS_EXTRA_INDEX_URL", url) for url in extra_index_urls),
        *(("--index", _INDEX + text.partition("=")[0].upper().replace("-", "_"), text) for text in named),
    ):
        if holds_password(url):
            raise InvalidArgument(
                f"the URL given by {option} holds a password, which everybody on this machine can read on the command "
                f"line: put it into the environment variable {variable} instead"
            )
    return PackageSources(
        index_url=index_url or value(environment, "BMS_INDEX_URL"),
        extra_index_urls=tuple(extra_index_urls) or tuple(value(environment, "BMS_EXTRA_INDEX_URL").split()),
        find_links=tuple(find_links) or tuple(value(environment, "BMS_FIND_LINKS").split()),
        named=by_name,
        offline=offline or value(environment, "BMS_OFFLINE") not in ("", "0"),
    )


def allowed_upstreams(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The networks and hosts that models may reach (`core.upstreams.parse_allowed`), from BMS_ALLOWED_UPSTREAMS,
    separated by commas or blanks."""
    return tuple(value(environment, "BMS_ALLOWED_UPSTREAMS").replace(",", " ").split())


def allowed_origins(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The origins of browser pages that may call (`web.inference.cors`), from BMS_ALLOWED_ORIGINS, separated by commas
    or blanks."""
    return tuple(value(environment, "BMS_ALLOWED_ORIGINS").replace(",", " ").split())


def trusted_proxies(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The networks of trusted proxies (`web.inference.proxies`), from BMS_TRUSTED_PROXIES, separated by commas or
    blanks."""
    return tuple(value(environment, "BMS_TRUSTED_PROXIES").replace(",", " ").split())


def node_agent(endpoint: str = "", secret: str = "", environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """The endpoint of the node agent that runs workloads, and the path of its secret: from the options of `bms up`,
    else from BMS_NODE_AGENT and BMS_NODE_AGENT_SECRET; empty where this machine runs them."""
    where = endpoint or value(environment, "BMS_NODE_AGENT")
    file = secret or value(environment, "BMS_NODE_AGENT_SECRET")
    return where, os.path.abspath(os.path.expanduser(file)) if file else ""


def service_environment(home_mark: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The whole environment of control and gateways: the variables that find programs, packages and certificates, and
    no secrets."""
    kept = {
        name: value
        for name, value in environment.items()
        if name in _KEPT or name.startswith(_KEPT_FAMILIES) or name.upper() in _PROXIES
    }
    return {"LANG": "C.UTF-8", **kept, **MALLOC, **QUIET, HOME_VARIABLE: home_mark}
