"""Stand-ins for control and gateway with their outer behaviour alone, so that the supervisor is tested quickly.

python stand_ins.py control CONFIG.json      watches its supervisor, as control does
python stand_ins.py gateway CONFIG.json      answers every request on the inherited socket with 200 and its pid
python stand_ins.py broken CONFIG.json       says why and ends with status 1
python stand_ins.py failing CONFIG.json      the same, but as control, and only from its second start on
python stand_ins.py newer CONFIG.json        ends as a control does whose database is a newer version's
"""

import asyncio
import json
import os
import signal
import socket
import sys

from bms.app.control.adoption import watch_supervisor


async def control(config: dict[str, object]) -> None:
    fd = config["listen_fd"]
    pid = config["supervisor_pid"]
    command = config["supervisor_command"]
    assert isinstance(fd, int)
    assert isinstance(pid, int)
    assert isinstance(command, list)
    path = config["control_socket"]
    assert isinstance(path, str)
    watching = asyncio.create_task(watch_supervisor(pid, command, (fd,)))
    if os.path.exists(path):
        os.unlink(path)
    server = await asyncio.start_unix_server(_answer, path)
    await _terminated()
    server.close()
    watching.cancel()


async def gateway(config: dict[str, object]) -> None:
    fd = config["listen_fd"]
    assert isinstance(fd, int)
    directory = config["directory"]
    assert isinstance(directory, str)
    os.makedirs(directory, exist_ok=True)
    open(os.path.join(directory, "snapshot"), "w").close()
    server = await asyncio.start_server(_answer, sock=socket.socket(fileno=fd))
    await _terminated()
    server.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = str(os.getpid()).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    writer.write(head + body)
    await writer.drain()
    writer.close()


async def _terminated() -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await stopping.wait()


def main() -> int:
    role, path = sys.argv[1:]
    with open(path) as file:
        config = json.load(file)
    if role == "failing" and not os.path.exists(path + ".started"):
        open(path + ".started", "w").close()
        role = "control"
    if role in ("broken", "failing"):
        print("the stand-in is broken on purpose")
        return 1
    if role == "newer":
        print("bms control: the database is of a newer version")
        return 8
    asyncio.run(control(config) if role == "control" else gateway(config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
