"""The environment variables that BMS reads: for `settings`, which reads no other, and the table in docs/settings.md."""

from collections.abc import Mapping

import msgspec


class Variable(msgspec.Struct, frozen=True):
    """One variable. `read_by` names commands, "" all that ask a server; `option` is what counts more where it is given,
    "" for none. A name that ends in "<NAME>" stands for a family."""

    name: str
    read_by: str
    option: str
    meaning: str


VARIABLES = {
    one.name: one
    for one in (
        Variable("BMS_URL", "", "--url", "where the server is, such as https://bms.example:8000"),
        Variable(
            "BMS_KEY", "", "--key", "the key; --key @FILE reads it from a file, since everybody can read command lines"
        ),
        Variable("BMS_CA", "", "--ca", "a PEM file of certificates to trust instead of the system's"),
        Variable(
            "BMS_DATABASE_URL", "up, database move", "", "another database than SQLite in the home, which remembers it"
        ),
        Variable(
            "BMS_INDEX_URL",
            "up, node start",
            "--index-url",
            "install packages from this index instead of the public one",
        ),
        Variable(
            "BMS_EXTRA_INDEX_URL",
            "up, node start",
            "--extra-index-url",
            "indexes to ask before that, with blanks between",
        ),
        Variable("BMS_INDEX_<NAME>", "up, node start", "--index", "an index that models may name"),
        Variable("BMS_FIND_LINKS", "up, node start", "--find-links", "directories of wheels, with blanks between"),
        Variable(
            "BMS_OFFLINE",
            "up, node start",
            "--offline",
            "1: install only from such directories and from what is cached",
        ),
        Variable(
            "BMS_ALLOWED_UPSTREAMS",
            "up",
            "--allow-upstream",
            "networks and hosts that models may reach beside public addresses",
        ),
        Variable("BMS_ALLOWED_ORIGINS", "up", "--allow-origin", "origins of pages that may ask in a browser (CORS)"),
        Variable(
            "BMS_TRUSTED_PROXIES", "up", "--trust-proxy", "networks of proxies that are believed whom a request is from"
        ),
        Variable(
            "BMS_NODE_AGENT", "up", "--node-agent", "run models and jobs at this node agent; none: on this machine"
        ),
        Variable("BMS_NODE_AGENT_SECRET", "up", "--node-agent-secret", "the file that holds the node agent's secret"),
    )
}


def value(environment: Mapping[str, str], name: str) -> str:
    """The value of one of `VARIABLES`, "" where it is not set. Raises KeyError for a name that is not among them."""
    return environment.get(VARIABLES[name].name, "")


def family(environment: Mapping[str, str], name: str) -> dict[str, str]:
    """The variables of a family that are set, by what stands in place of <NAME>; none that has a row of its own."""
    prefix = VARIABLES[name].name.removesuffix("<NAME>")
    return {
        given.removeprefix(prefix): text
        for given, text in environment.items()
        if given.startswith(prefix) and given not in VARIABLES and text
    }
