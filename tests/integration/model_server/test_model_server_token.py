"""A model server talks to those who know its token; a stranger who found its socket gets nothing."""

import os
import socket
from pathlib import Path

import pytest

from bms.adapters.replicas.arena import Arena
from bms.adapters.replicas.link import ReplicaLink
from bms.adapters.replicas.probe import LinkProbe
from bms.core.errors import Unavailable
from bms.protocols.frames import FrameType, encode_infer, encode_plain
from tests.worlds.model_servers import TOKEN, Client, mlp_config, rows, started

STATUS = encode_plain(FrameType.STATUS, 7)
WRONG = {
    "no token": STATUS,
    "an empty one": encode_plain(FrameType.HELLO) + STATUS,
    "another one": encode_plain(FrameType.HELLO, meta=b"x" * len(TOKEN)) + STATUS,
    "a part of it": encode_plain(FrameType.HELLO, meta=TOKEN[:-1]) + STATUS,
    "more than it": encode_plain(FrameType.HELLO, meta=TOKEN + b"x") + STATUS,
    "it after a question": STATUS + encode_plain(FrameType.HELLO, meta=TOKEN),
    "it in another frame": encode_plain(FrameType.CANCEL, meta=TOKEN) + STATUS,
    "a request": b"".join(encode_infer(1, "", [])),
    "words": b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
}


def test_without_the_token_nothing_is_answered_and_no_memory_is_mapped(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path)) as server:
        friend = server.ready()
        for name, said in WRONG.items():
            arena = Arena()
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.settimeout(10)
                stranger.connect(server.path)
                socket.send_fds(stranger, [said], [arena.fd or 0])
                try:
                    assert stranger.recv(1) == b"", name
                except ConnectionResetError:
                    pass  # what it had sent was not even read
            assert not _maps_memory_files(server.process.pid), name
            arena.close_fd()
        assert friend.infer(rows(1)), "whom it knows it goes on to answer"
        assert sum("did not show" in str(line["event"]) for line in server.log) == len(WRONG)
        assert TOKEN not in (tmp_path / "log").read_bytes()
        descriptors = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        Client(server.path, b"wrong").receive()
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) == descriptors, "nothing of a stranger is kept"


async def test_links_and_probes_with_the_token_are_answered_and_others_are_not(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path)) as server:
        server.ready().close()
        address = f"unix:{server.path}"
        known = await LinkProbe(lambda replica: TOKEN if replica == "r1" else b"").status("r1", address)
        assert known is not None
        assert known.state == "AVAILABLE"
        assert await LinkProbe(lambda _: b"wrong").status("r1", address) is None
        friend = ReplicaLink(address, token=TOKEN)
        assert (await friend.status(10.0)).state == "AVAILABLE"
        assert _maps_memory_files(server.process.pid), "the control: what a friend shares is mapped"
        friend.close()
        stranger = ReplicaLink(address, token=b"wrong")
        with pytest.raises(Unavailable):
            await stranger.status(1.0)
        stranger.close()


def test_the_token_is_in_no_file_environment_or_command_line(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path)) as server:
        server.ready()
        process = Path(f"/proc/{server.process.pid}")
        assert TOKEN not in (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        assert os.readlink(process / "fd" / "0") == os.devnull, "the pipe that it came by is gone"
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or TOKEN not in path.read_bytes(), path


def _maps_memory_files(pid: int) -> bool:
    """Whether it has the memory of an asker mapped, which is without a name elsewhere; a friend's is not counted."""
    return "memfd:" in Path(f"/proc/{pid}/maps").read_text()
