"""The one listening socket, opened by the supervisor and inherited by every gateway."""

import errno
import ipaddress
import socket

from bms.app.exit_codes import ExitCode, Refusal

BACKLOG = 4096


def listen(host: str, port: int) -> socket.socket:
    """Opens a listening TCP socket. Raises Refusal when the address is taken, unknown, or not allowed."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise Refusal(
            ExitCode.PORT_IN_USE, f"--host {host!r} is no address of this machine: {error.strerror}"
        ) from None
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise Refusal(ExitCode.PORT_IN_USE, _why_not(host, port, error)) from None
    return listening


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url_of(listening: socket.socket, scheme: str = "http") -> str:
    """The URL by which this machine reaches the socket."""
    host, port = listening.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"{scheme}://[{address}]:{port}" if address.version == 6 else f"{scheme}://{address}:{port}"


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use: stop what uses it, or choose another with --port (0: any free one)"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used by this user: choose one from 1024 on with --port"
    return f"can't listen on {host}:{port}: {error.strerror}"
