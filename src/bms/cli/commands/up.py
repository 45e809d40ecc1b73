"""`bms up`: runs the platform on this machine."""

import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bms.app.home.directory import Home
from bms.app.home.node_agent import chosen, left
from bms.app.settings import DEFAULT_HOME, node_agent, package_sources
from bms.cli.detaching import detached

app = typer.Typer(add_completion=False)


class Isolated(StrEnum):
    """The isolation levels of core/workloads/isolation.py as a choice on the command line."""

    none = "none"
    basic = "basic"
    confined = "confined"
    strict = "strict"


@app.command()
def up(
    home: Annotated[Path, typer.Option(help="Where everything is kept; made if missing.")] = DEFAULT_HOME,
    host: Annotated[
        str, typer.Option(help="The address to listen on; any but a loopback address opens the port to other machines.")
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option(help="The port to listen on; 0: any free one.")] = 8000,
    gateways: Annotated[int, typer.Option(help="How many gateway processes answer requests.")] = 1,
    tls_cert: Annotated[Path | None, typer.Option(help="Serve https with this certificate (its chain, PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's key, PEM.")] = None,
    openai_tokens: Annotated[
        Path | None,
        typer.Option(
            help="A tiktoken file such as cl100k_base.tiktoken, to decode token ids that OpenAI's clients send."
        ),
    ] = None,
    index_url: Annotated[str, typer.Option(help="Install packages from this index. [env: BMS_INDEX_URL]")] = "",
    extra_index_url: Annotated[
        list[str] | None, typer.Option(help="An index to ask before that; repeatable. [env: BMS_EXTRA_INDEX_URL]")
    ] = None,
    find_links: Annotated[
        list[Path] | None, typer.Option(help="A directory of wheels; repeatable. [env: BMS_FIND_LINKS]")
    ] = None,
    index: Annotated[
        list[str] | None, typer.Option(help="NAME=URL, an index models may name; repeatable. [env: BMS_INDEX_NAME]")
    ] = None,
    offline: Annotated[bool, typer.Option(help="Install from --find-links and the cache alone.")] = False,
    require_isolation: Annotated[
        Isolated,
        typer.Option(
            help="Refuse to start where this machine offers less isolation than this level: docs/isolation.md."
        ),
    ] = Isolated.none,
    verification_timeout: Annotated[
        float, typer.Option(help="Seconds that verification may take to load and run a version.")
    ] = 300.0,
    allow_upstream: Annotated[
        list[str] | None,
        typer.Option(help="Also let models call this network or HOST:PORT, not only public addresses; repeatable."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Let browser pages of this origin read answers (CORS): https://app.example, or *; repeatable."
        ),
    ] = None,
    trust_proxy: Annotated[
        list[str] | None,
        typer.Option(
            help="Trust the client addresses that proxies in this network forward, e.g. 10.0.0.0/8; repeatable."
        ),
    ] = None,
    node_agent_endpoint: Annotated[
        str,
        typer.Option(
            "--node-agent",
            help="Run models and jobs on this agent's machine, also at later starts; none: here. [env: BMS_NODE_AGENT]",
        ),
    ] = "",
    node_agent_secret: Annotated[
        Path | None, typer.Option(help="The file that holds the agent's secret. [env: BMS_NODE_AGENT_SECRET]")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background; return when ready.")] = False,
) -> None:
    """Run the platform on this machine until Ctrl-C or `bms down`.

    A certificate and key that are replaced are read again, and connections go on.
    BMS_DATABASE_URL names another database than SQLite in the home, which remembers it; BMS_ALLOWED_UPSTREAMS,
    BMS_ALLOWED_ORIGINS and BMS_TRUSTED_PROXIES are what --allow-upstream, --allow-origin and --trust-proxy say.
    URLs of indexes that hold a password belong into the environment variables, not on the command line.
    """
    root = home.expanduser().resolve()
    command = [sys.executable, "-P", "-m", "bms.app.all_in_one", "--home", str(root), "--host", host]
    command += ["--port", str(port), "--gateways", str(gateways)]
    if require_isolation is not Isolated.none:
        command += ["--require-isolation", require_isolation.value]
    for option, file in (("--tls-cert", tls_cert), ("--tls-key", tls_key), ("--openai-tokens", openai_tokens)):
        if file is not None:
            command += [option, str(file.expanduser().absolute())]
    command += _packages(index_url, extra_index_url or (), find_links or (), index or (), offline)
    command += ["--verification-timeout", str(verification_timeout)]
    for allowed in allow_upstream or ():
        command += ["--allow-upstream", allowed]
    for origin in allow_origin or ():
        command += ["--allow-origin", origin]
    for network in trust_proxy or ():
        command += ["--trust-proxy", network]
    agent, secret = node_agent(node_agent_endpoint, str(node_agent_secret or ""))
    if agent:
        command += ["--node-agent", agent, "--node-agent-secret", secret]
    if before := left(root, chosen(root, agent, secret)[0]):
        print(
            f"warning: until now models and jobs ran at the node agent {before.partition('#')[0]}: what still runs "
            "there is not seen or ended any more; `bms node stop` there ends it",
            file=sys.stderr,
            flush=True,
        )
    if not detach:
        sys.stdout.flush()
        os.execv(sys.executable, command)  # noqa: S606 - in our place, so that the supervisor is small and has our terminal
    place = Home(root)
    place.prepare()
    detached(command, place.logs / "supervisor.log")


def _packages(
    index_url: str, extra: Sequence[str], find_links: Sequence[Path], named: Sequence[str], offline: bool
) -> list[str]:
    """The supervisor's options of the same names. Raises InvalidArgument for what is no place of packages."""
    places = [str(path.expanduser().absolute()) for path in find_links]
    package_sources(index_url, extra, places, named, offline)  # refused here, before it is on another command line
    options = ["--index-url", index_url] if index_url else []
    for option, values in (("--extra-index-url", extra), ("--find-links", places), ("--index", named)):
        options += [word for value in values for word in (option, value)]
    return [*options, "--offline"] if offline else options
