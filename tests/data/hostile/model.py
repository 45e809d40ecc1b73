"""A model that does what it is told by its input, good or bad, and says what came of it."""

import ctypes
import glob
import mmap
import os
import signal
import socket
import sys
import time


class Model:
    def load(self, directory, config=None):
        self.directory = directory
        at_load = (config or {}).get("at_load")
        if at_load:
            print(getattr(self, at_load)(), file=sys.stderr, flush=True)

    def predict(self, inputs):
        said = []
        for text in inputs["do"].tolist():
            deed, _, argument = (text.decode() or "nothing").partition(" ")
            said.append(str(tried(getattr(self, deed), *argument.split())).encode())
        import numpy as np

        return {"said": np.array(said, dtype=object)}

    def nothing(self):
        return "nothing"

    def segfault(self):
        ctypes.string_at(0)

    def allocate(self):
        held = []
        while True:  # MAP_POPULATE: the kernel gives every page at once
            held.append(mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE))

    def fork(self):
        while True:
            if os.fork() == 0:
                time.sleep(600)

    def forks_that_fork(self):
        while True:
            try:
                os.fork()
            except OSError:
                time.sleep(0.01)

    def spin(self):
        while True:
            pass

    def sleep(self):
        time.sleep(3600)

    def fill(self):
        count = 0
        while True:
            count += 1
            with open(os.path.join(os.environ["TMPDIR"], f"filler{count}"), "wb") as file:
                file.write(b"x" * (64 << 20))

    def write(self, path):
        with open(path, "w") as file:
            file.write("was here")
        return "wrote"

    def read(self, path):
        with open(path, "rb") as file:
            return file.read(100).hex()

    def list(self, path):
        return " ".join(sorted(os.listdir(path))[:200])

    def find(self, pattern):
        return " ".join(glob.glob(pattern, recursive=True)[:50])

    def connect(self, address):
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port)), timeout=3):
            return "connected"

    def send(self, address):
        host, _, port = address.partition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(b"was here", (host, int(port)))
        return "sent"

    def knock(self, path):
        with socket.socket(socket.AF_UNIX) as unix:
            unix.settimeout(3)
            unix.connect(path)
            return "connected"

    def kill(self, pid):
        os.kill(int(pid), signal.SIGKILL)
        return "killed"

    def renice(self, which, who):
        os.setpriority(int(which), int(who), 19)
        return "done"

    def environment(self):
        return " ".join(sorted(os.environ))

    def commands(self):
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file:
                    found.append(file.read().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return " | ".join(found)


def tried(deed, *arguments):
    try:
        return deed(*arguments)
    except Exception as error:  # noqa: BLE001 - what happened is what is asked
        return f"{type(error).__name__}: {error}"
