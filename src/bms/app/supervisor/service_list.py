"""Lists the services of a platform on one machine, each with its configuration."""

import os
import socket
import sys

import msgspec

from bms.app.home.directory import Home
from bms.app.settings import UpSettings
from bms.app.supervisor.services import Service

CONTROL_SOCKET = "control.sock"
BUS_SOCKET = "bus.sock"


def list_services(home: Home, settings: UpSettings, listening: socket.socket) -> list[Service]:
    """The services: control first, then one gateway per slot. All inherit the listening socket: gateways to accept from
    it, control to hand it to a new supervisor."""
    return [
        _control(home, settings, listening),
        *(_gateway(home, settings, listening, n) for n in range(settings.gateways)),
    ]


def adopting_command(home: Home, listening: socket.socket) -> list[str]:
    """The command by which control starts a new supervisor when its own is gone."""
    fd = str(listening.fileno())
    return [sys.executable, "-P", "-m", "bms.app.all_in_one", "--home", str(home.root), "--adopt", fd]


def _control(home: Home, settings: UpSettings, listening: socket.socket) -> Service:
    run_dir = home.run_dir()
    return Service(
        name="control",
        program=settings.control,
        config={
            "home": str(home.root),
            "run_dir": str(run_dir),
            "database_url": settings.database_url or home.database_url,
            "control_socket": str(run_dir / CONTROL_SOCKET),
            "bus_socket": str(run_dir / BUS_SOCKET),
            "bus_token": home.bus_token(),
            "listen_fd": listening.fileno(),
            "supervisor_pid": os.getpid(),
            "supervisor_command": adopting_command(home, listening),
            "max_jobs": settings.max_jobs,
            "rules": msgspec.to_builtins(settings.rules),
            "log_level": settings.log_level,
        },
        config_path=home.run / "control.json",
        log=home.logs / "control.log",
        fds=(listening.fileno(),),
    )


def _gateway(home: Home, settings: UpSettings, listening: socket.socket, slot: int) -> Service:
    run_dir = home.run_dir()
    return Service(
        name=f"gateway-{slot}",
        program=settings.gateway,
        config={
            "slot": slot,
            "listen_fd": listening.fileno(),
            "control_socket": str(run_dir / CONTROL_SOCKET),
            "bus_socket": str(run_dir / BUS_SOCKET),
            "bus_token": home.bus_token(),
            "directory": str(home.journal(slot)),
            "openai_tokens": settings.openai_tokens,
            "tls_certificate": settings.tls_certificate,
            "tls_key": settings.tls_key,
            "origins": settings.origins,
            "proxies": settings.proxies,
            "log_level": settings.log_level,
        },
        config_path=home.run / f"gateway-{slot}.json",
        log=home.logs / f"gateway-{slot}.log",
        fds=(listening.fileno(),),
    )
