"""The supervisor, `bms up`: holds the home's lock and the listening socket, keeps control and gateways alive.

    python -m bms.app.all_in_one --home DIR [--host H] [--port P] [--gateways N] [--tls-cert F --tls-key F] [--index …]
                                 [--allow-upstream NETWORK|HOST:PORT …] [--allow-origin ORIGIN …]
                                 [--trust-proxy NETWORK …] [--node-agent ENDPOINT --node-agent-secret FILE]
    python -m bms.app.all_in_one --home DIR --adopt FD      (started by control when its supervisor was killed)

It imports little and does little, so that it is small and has few reasons to die. Read next: home, then
supervisor (listening, services, restarts, shutdown), control.adoption.
"""

import argparse
import asyncio
import math
import os
import socket
import sys
from pathlib import Path

import msgspec

from bms.adapters.clusters.isolation import capabilities as probing
from bms.adapters.clusters.resources import processes
from bms.app.exit_codes import ExitCode, Refusal, exit_code_of
from bms.app.gateway.tls import read_certificate
from bms.app.gateway.vocabulary import vocabulary_of
from bms.app.home.database import OWN, remembered
from bms.app.home.directory import Holder, Home, disk_refusal, write_private
from bms.app.home.node_agent import chosen
from bms.app.rules import WorkloadRules
from bms.app.settings import (
    UpSettings,
    allowed_origins,
    allowed_upstreams,
    database_url,
    node_agent,
    package_sources,
    trusted_proxies,
)
from bms.app.supervisor.listening import is_loopback, listen
from bms.app.supervisor.log_files import open_log
from bms.app.supervisor.shutdown import end_leftovers, end_services
from bms.app.supervisor.supervisor import PlatformReady, Supervisor, recorded_services
from bms.core.errors import BmsError
from bms.core.retention import EVENTS_S, JOBS_S, RetentionPolicy
from bms.core.workloads.isolation import LEVELS, Level, shortfall
from bms.web.inference.http.cors import check_origin
from bms.web.inference.http.proxies import check_network

STOP_GRACE_S = 10.0


def up(settings: UpSettings, ready_fd: int | None = None) -> None:
    """Runs the platform on a home until it is told to stop. Raises Refusal when it can't start."""
    home = Home(Path(settings.home))
    if not settings.rules.node_agent:
        _refuse_less_isolation(settings.rules.require_isolation)
    if settings.tls_certificate:
        read_certificate(settings.tls_certificate, settings.tls_key)
    vocabulary_of(settings.openai_tokens)
    home.prepare()
    lock = home.lock()
    _hold(home, lock)
    # Left over when supervisor and control were both killed: they hold the port, and nobody heals them.
    end_services(home, STOP_GRACE_S, {_own_identity()})
    with listen(settings.host, settings.port) as listening:
        if not is_loopback(settings.host) and not settings.tls_certificate:
            print(
                f"warning: {settings.host} can be reached by other machines, without encryption: give --tls-cert and "
                "--tls-key, put a proxy with TLS in front, or leave --host out",
                file=sys.stderr,
                flush=True,
            )
        _supervise(home, settings, listening, ready_fd, adopting=False)


def adopt(home: Home, listen_fd: int) -> None:
    """Takes over from a supervisor that was killed: its lock, its listening socket, its living children."""
    os.set_inheritable(listen_fd, False)
    lock = home.lock()
    _hold(home, lock)
    settings = msgspec.json.decode((home.run / "supervisor.json").read_bytes(), type=UpSettings)
    log = open_log(home.logs / "supervisor.log")
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    known = {processes.ProcessIdentity(each.pid, each.start_ticks) for each in recorded_services(home)}
    # One that was started in the last moment before the end, so that nobody wrote it down.
    end_services(home, STOP_GRACE_S, {_own_identity(), *known})
    with socket.socket(fileno=listen_fd) as listening:
        _supervise(home, settings, listening, None, adopting=True)


def _supervise(
    home: Home, settings: UpSettings, listening: socket.socket, ready_fd: int | None, *, adopting: bool
) -> None:
    try:
        write_private(home.run / "supervisor.json", msgspec.json.encode(settings))
        supervisor = Supervisor(home, settings, listening, recorded_services(home) if adopting else ())
        asyncio.run(supervisor.run(lambda ready: _announce(home, ready, ready_fd, adopting)))
    except OSError as error:
        raise disk_refusal(home.root, error) from error
    finally:
        end_leftovers(home, STOP_GRACE_S, {_own_identity()})


def _refuse_less_isolation(wanted: Level) -> None:
    """Refuses to start where the machine isolates workloads less than required. Control checks it too; here the person
    who starts the platform sees the answer."""
    if wanted == "none":
        return
    if lacks := shortfall(probing.describe(probing.probe()), wanted):
        raise Refusal(ExitCode.CONFLICT, f"{lacks}. Require less, or see docs/isolation.md for what a machine needs")


def _hold(home: Home, lock: int) -> None:
    pid, ticks = _own_identity()
    home.hold(lock, Holder(pid=pid, start_ticks=ticks))


def _own_identity() -> processes.ProcessIdentity:
    own = processes.read(os.getpid())
    assert own is not None
    return own.identity


def _announce(home: Home, ready: PlatformReady, ready_fd: int | None, adopting: bool) -> None:
    """Prints the URL and the next commands, and reports readiness to a parent that waits for it on a pipe."""
    if adopting:
        print(f"took over {ready.url} from a supervisor that was killed", flush=True)
        return
    where = f"--home {home.root}"
    print(
        f"BMS is ready at {ready.url} ({ready.seconds:.1f} s)\n"
        f"  admin key  {home.admin_key}\n"
        f"  look       bms status {where}\n"
        f"  serve      bms deploy PATH {where}\n"
        f"  stop       {'Ctrl-C, or ' if ready_fd is None else ''}bms down {where}",
        flush=True,
    )
    if ready_fd is not None:
        os.write(ready_fd, b"ready\n")
        os.close(ready_fd)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bms.app.all_in_one", description="Runs the platform on one machine.")
    parser.add_argument("--home", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--gateways", type=int, default=1)
    parser.add_argument("--tls-cert", default="", help="the certificate's chain, PEM")
    parser.add_argument("--tls-key", default="", help="its key, PEM")
    parser.add_argument("--openai-tokens", default="", help="what token ids of OpenAI's clients mean")
    parser.add_argument("--index-url", default="", help="the package index, instead of the public one")
    parser.add_argument("--extra-index-url", action="append", default=[], help="an index asked before that")
    parser.add_argument("--find-links", action="append", default=[], help="a directory of wheels")
    parser.add_argument("--index", action="append", default=[], metavar="NAME=URL", help="one that tenants may name")
    parser.add_argument("--offline", action="store_true", help="install from --find-links and the cache alone")
    parser.add_argument("--require-isolation", choices=LEVELS, default="none", help="refuse to start with less")
    parser.add_argument("--allow-upstream", action="append", default=[], help="what models may reach, not public")
    parser.add_argument("--allow-origin", action="append", default=[], help="whose pages may read answers")
    parser.add_argument("--trust-proxy", action="append", default=[], help="whose Forwarded headers are believed")
    parser.add_argument("--verification-timeout", type=float, default=300.0, help="seconds to load and try a version")
    parser.add_argument("--keep-jobs", type=float, default=JOBS_S, help="seconds from a job's end; inf: for ever")
    parser.add_argument("--keep-events", type=float, default=EVENTS_S, help="seconds; inf: for ever")
    parser.add_argument("--node-agent", default="", metavar="ENDPOINT", help="where models and jobs run")
    parser.add_argument("--node-agent-secret", default="", metavar="FILE", help="what the agent asks for")
    parser.add_argument("--ready-fd", type=int, help="a pipe that is told when the platform is ready")
    parser.add_argument("--adopt", type=int, metavar="FD", help="take over what runs, with this listening socket")
    return parser.parse_args(argv)


def _finite(seconds: float) -> float | None:
    return None if math.isinf(seconds) else seconds


def _absolute(path: str) -> str:
    """The path made absolute, since other processes may run in other directories. Links are kept: their targets may be
    exchanged."""
    return os.path.abspath(path) if path else ""


def main(argv: list[str]) -> int:
    given = _arguments(argv)
    try:
        if given.adopt is not None:
            adopt(Home(Path(given.home)), given.adopt)
        else:
            home = str(Path(given.home).resolve())
            agent, agent_secret = chosen(Path(home), *node_agent(given.node_agent, given.node_agent_secret))
            settings = UpSettings(
                home=home,
                host=given.host,
                port=given.port,
                gateways=given.gateways,
                openai_tokens=_absolute(given.openai_tokens),
                tls_certificate=_absolute(given.tls_cert),
                tls_key=_absolute(given.tls_key),
                origins=tuple(map(check_origin, (*allowed_origins(), *given.allow_origin))),
                proxies=tuple(map(check_network, (*trusted_proxies(), *given.trust_proxy))),
                database_url=database_url() or remembered(Path(home)) or OWN,
                rules=WorkloadRules(
                    packages=package_sources(
                        given.index_url, given.extra_index_url, given.find_links, given.index, given.offline
                    ),
                    require_isolation=given.require_isolation,
                    allowed_upstreams=(*allowed_upstreams(), *given.allow_upstream),
                    verification_s=given.verification_timeout,
                    node_agent=agent,
                    node_agent_secret=agent_secret,
                    retention=RetentionPolicy(jobs_s=_finite(given.keep_jobs), events_s=_finite(given.keep_events)),
                ),
            )
            up(settings, given.ready_fd)
    except BmsError as error:
        print(f"bms: {error.message}", file=sys.stderr)
        return int(exit_code_of(error))
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
