"""The command `bms demo`."""

import time
from pathlib import Path

from bms.cli.demo.stage import platform
from bms.cli.demo.story import Story
from bms.cli.demo.teller import Teller
from bms.sdk import Client


def run(home: Path | None, port: int, keep: bool) -> None:
    """Plays the whole story. Raises a BmsError, the platform stopped, when a chapter fails."""
    teller = Teller()
    began = time.monotonic()
    teller.say("starting the platform …")
    with platform(home, port, keep) as stage:
        teller.say(f"{stage.url} is ready after {time.monotonic() - began:.1f} s; home {stage.home}")
        Story(stage, Client(stage.url, stage.key), teller).tell()
        teller.say(f"\n   [bold green]done in {time.monotonic() - began:.0f} s[/]")
        if keep:
            teller.say("the platform goes on running; stop it with:")
            teller.paste(f"bms down --home {stage.home}")
