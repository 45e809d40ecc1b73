"""Generates the command reference in Markdown, from the commands themselves: `docs/cli.md`."""

from typing import Any

from typer.core import TyperGroup

from bms.app.exit_codes import MEANING
from bms.cli.main import COMMANDS, load

SHARED = ("url", "key", "home", "json")
HEAD = """# Commands

This page is made from the commands (`make docs`). Every command that talks to a server also takes

- `--home DIR`: the platform of this home on this machine, as its admin;
- or `--url URL` and `--key KEY` (`--key @FILE` reads it from a file), by default from `BMS_URL` and `BMS_KEY`;
- else what `bms profile set` kept, else the home `~/.bms`;
- `--json`: print JSON for programs; errors then are JSON too, on stderr.

`bms --install-completion` teaches your shell to complete commands and options.
"""


def markdown() -> str:
    """The whole page as Markdown."""
    parts = [HEAD]
    for name in COMMANDS:
        parts.append(f"## bms {name}\n")
        command: Any = load(name)
        if isinstance(command, TyperGroup):
            parts.append(f"{command.help}\n")
            for sub in command.commands.values():
                parts += [f"### bms {name} {sub.name}\n", _described(sub)]
        else:
            parts.append(_described(command))
    rows = "".join(f"| {code.value} | {meaning} |\n" for code, meaning in MEANING.items())
    parts.append(f"## Exit status\n\n| status | meaning |\n|---|---|\n{rows}")
    return "\n".join(parts)


def _described(command: Any) -> str:
    lines = [f"{_first(command.help)}\n"]
    arguments, options = [], []
    shared = {each.name for each in command.params} >= set(SHARED)
    for each in command.params:
        if each.param_type_name == "argument":
            arguments.append(f"| `{each.metavar or each.name}` | {each.help or ''} |")
        elif not (shared and each.name in SHARED) and each.name != "help":
            names = " ".join(f"`{name}`" for name in [*each.opts, *each.secondary_opts])
            options.append(f"| {names} | {each.help or ''} |")
    if arguments or options:
        lines += ["| | |", "|---|---|", *(row.replace("NAME|PATH", "NAME\\|PATH") for row in arguments + options), ""]
    return "\n".join(lines)


def _first(help_text: str | None) -> str:
    return (help_text or "").replace("\f", "").strip()
