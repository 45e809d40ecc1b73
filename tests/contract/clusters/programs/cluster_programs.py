"""A workload for tests: does what its config says, and says so, a word at the beginning of each line.

It stands where the slim part stands, and imports nothing of it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text())
    config, places = told["config"], told["places"]
    say("started", os.getpid())
    if config.get("ignore_term"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if size := config.get("print_bytes"):
        line = "x" * 1023 + "\n"
        for _ in range(size // 1024):
            sys.stdout.write(line)
        sys.stdout.flush()
    if config.get("facts"):
        facts = {
            "environ": dict(os.environ),
            "path": sys.path,
            "cwd": os.getcwd(),
            "argv": sys.argv,
            "session": os.getsid(0),
            "cores": sorted(os.sched_getaffinity(0)),
            "nice": os.nice(0),
            "stdin": os.readlink("/proc/self/fd/0"),
            "fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd")),
            "places": places,
            "core_limit": __import__("resource").getrlimit(__import__("resource").RLIMIT_CORE)[0],
        }
        say("facts", json.dumps(facts))
    for name, path in places["trees"].items():
        files = [each for each in sorted(Path(path).rglob("*")) if each.is_file()]
        for file in files if config.get("read_trees") else []:
            say("read", f"{name} {file.relative_to(path)} {file.read_text()}")
    for name, content in config.get("write", {}).items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("x" * content if isinstance(content, int) else content)
    if config.get("listen"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(places["socket"])
        listener.listen()
    if config.get("standard_input"):
        say("handed", sys.stdin.read())
    if size := config.get("allocate"):
        kept = bytearray(size)
        kept[::4096] = b"x" * len(kept[::4096])
    if config.get("share_with_children"):
        kept = bytearray(config["share_with_children"])
        kept[::4096] = b"x" * len(kept[::4096])
        for _ in range(3):
            if os.fork() == 0:
                if config.get("copied"):
                    kept[::4096] = b"y" * len(kept[::4096])
                time.sleep(600)
    if config.get("fork"):
        forks(config["fork"])
    say("ready")
    if (seconds := config.get("seconds", 600)) >= 0:
        time.sleep(seconds)
    sys.exit(config.get("code", 0))


def say(word: str, *what: object) -> None:
    print(word, *what, flush=True)


def forks(kind: str) -> None:
    """Children that do their best to be forgotten: `child` and the id of each is said."""
    sleep = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(600)"
    command = [sys.executable, "-c", sleep, os.path.abspath("pids")]
    if kind == "plain":
        subprocess.Popen(command)
    elif kind == "escaped":  # a session of its own, no mark in its environment, and a parent that ended
        again = f"import subprocess; subprocess.Popen({command!r}, env={{}}, start_new_session=True)"
        subprocess.run([sys.executable, "-c", again], env={}, start_new_session=True, check=True)
    deadline = time.monotonic() + 30
    while not (os.path.exists("pids") and os.path.getsize("pids")) and time.monotonic() < deadline:
        time.sleep(0.01)
    say("child", Path("pids").read_text().strip())


if __name__ == "__main__":
    main()
