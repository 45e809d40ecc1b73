"""The configuration of a gateway, as its starter writes it."""

import socket
from pathlib import Path

import msgspec

from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.web.inference.http.limits import HttpLimits


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of one gateway. `listen_fd` is a listening socket inherited from the parent; `directory` keeps
    the last good snapshot and the usage journal, this gateway's alone; times in seconds."""

    slot: int
    listen_fd: int
    control_socket: str  # HTTP, what is passed on
    bus_socket: str
    directory: str
    bus_token: str = ""  # what control asks for on the bus
    openai_tokens: str = ""  # path of a vocabulary for token ids that OpenAI's clients send; empty: none
    tls_certificate: str = ""  # paths of PEM files; empty: no TLS
    tls_key: str = ""
    log_level: str = "INFO"
    limits: HttpLimits = HttpLimits()
    drain_s: float = 10.0
    stats_every_s: float = 2.0
    segment_bytes: int = 8 << 20
    origins: tuple[str, ...] = ()  # whose pages may read answers
    proxies: tuple[str, ...] = ()  # networks whose Forwarded headers are believed


def read_config(path: Path) -> GatewayConfig:
    """Reads a gateway's configuration. Raises InvalidArgument saying what is wrong with the file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=GatewayConfig)
    except OSError as error:
        raise InvalidArgument(f"the config {path} can't be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise InvalidArgument(f"the config {path} is not valid: {error}") from error


def inherit(fd: int) -> socket.socket:
    """The listening socket behind an inherited descriptor. Raises FailedPrecondition where it is none."""
    try:
        listening = socket.socket(fileno=fd)
        if not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise FailedPrecondition(f"descriptor {fd} is a socket that does not listen")
    except OSError as error:
        raise FailedPrecondition(f"descriptor {fd} is not an inherited socket: {error.strerror}") from error
    listening.setblocking(False)
    return listening
