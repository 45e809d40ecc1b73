"""What is billed: journalled before it is acknowledged, shipped once, whatever dies."""

import asyncio
import resource
import signal
from pathlib import Path

import httpx

from tests.peers.frames_server import RunningServer
from tests.worlds.gateways import FakeBus, GatewayProcess, deployment, gateway, key, listening_socket, scene, version

BODY = {"instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}


async def test_an_event_says_who_what_how_much_and_how_it_ended(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        answer = await http.post("/v1/models/m:predict", json=BODY, headers={"x-request-id": "mine"})
        await at.bus.until(lambda: len(at.bus.books) == 1)
        event = at.bus.events[0]
        assert (event.seq, event.tenant, event.key, event.deployment) == (1, "acme", at.key.key_id, "dep_acme_m")
        assert (event.model, event.version, event.request_id, event.status) == ("m", 1, "mine", 200)
        assert (event.rows, event.bytes_out, event.compute_ns) == (2, len(answer.content), 2000)
        assert event.bytes_in == int(answer.request.headers["content-length"])
        assert event.source == at.bus.hellos[0].source
        assert event.queue_ns <= event.total_ns
        assert event.total_ns >= event.compute_ns > 0
        assert (event.revision, event.more) == (0, ())


async def test_an_event_says_which_revision_of_the_route_it_went_by(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        for revision in (3, 4):
            await at.bus.put(deployment(version(1, at.server.path), revision=revision))
            assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == 200
        await at.bus.until(lambda: len(at.bus.books) == 2)
        assert [event.revision for event in at.bus.events] == [3, 4]


async def test_what_was_never_dispatched_is_not_billed(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        await http.post("/v1/models/m:predict", json={"instances": [[1]]})
        await http.post("/v1/models/none:predict", json=BODY)
        await http.post("/v1/models/m:predict", json=BODY, headers={"authorization": "Bearer x"})
        await http.get("/v1/models")
        await http.post("/v1/models/m:predict", json=BODY)
        await at.bus.until(lambda: len(at.bus.books) == 1)
        assert at.bus.events[0].seq == 1


async def test_rows_of_a_request_that_was_refused_before_they_ran_are_not_billed(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        for mode, status in (("leave", 503), ("fail", 500), ("answer", 200)):
            at.server.mode = mode
            assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == status
        await at.bus.until(lambda: len(at.bus.events) == 3)
        told = [(event.status, event.rows, event.compute_ns) for event in at.bus.events]
        assert told == [(503, 0, 0), (500, 2, 3000), (200, 2, 2000)]


async def test_every_answer_a_killed_gateway_gave_is_billed_once(tmp_path: Path) -> None:
    text, entry = key()
    listening = listening_socket()
    async with RunningServer(str(tmp_path / "r.sock")) as server:
        async with FakeBus(str(tmp_path / "bus.sock"), (entry, deployment(version(1, server.path)))) as bus:
            bus.acknowledge = False
            process = GatewayProcess(tmp_path, listening)
            await bus.until(lambda: bus.applied, 20)
            acknowledged: set[str] = set()

            async def ask(name: int) -> None:
                async with httpx.AsyncClient(base_url=process.url) as http:
                    for n in range(10**6):
                        id = f"{name}-{n}"
                        try:
                            answer = await http.post(
                                "/v1/models/m:predict",
                                json=BODY,
                                headers={"authorization": f"Bearer {text}", "x-request-id": id},
                            )
                        except httpx.TransportError:
                            return
                        assert answer.status_code == 200
                        acknowledged.add(id)

            tasks = [asyncio.create_task(ask(n)) for n in range(8)]
            async with asyncio.timeout(30):
                while len(acknowledged) < 300:
                    await asyncio.sleep(0.01)
            await asyncio.to_thread(process.end, signal.SIGKILL)
            listening.close()
            await asyncio.gather(*tasks)
            assert {event.request_id for event in bus.events} != acknowledged  # not all of it had been shipped

            bus.acknowledge = True
            async with gateway(tmp_path, bus):
                await bus.until(lambda: acknowledged <= {event.request_id for event in bus.events}, 20)
                async with asyncio.timeout(10):
                    while list((tmp_path / "gateway").glob(f"{bus.hellos[0].source}.*")):
                        await asyncio.sleep(0.01)
            ids = [event.request_id for event in bus.events]
            assert len(ids) == len(set(ids))
            assert len(set(ids) - acknowledged) <= 8  # those it was about to answer
            first = bus.hellos[0].source
            assert [event.seq for event in bus.events if event.source == first] == list(range(1, len(ids) + 1))
        assert [path.name for path in (tmp_path / "gateway").iterdir()] == ["snapshot"]


async def test_usage_waits_on_disk_while_control_is_away(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        await at.bus.__aexit__()
        for _ in range(20):
            assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == 200
        assert not at.bus.books
        await at.bus.__aenter__()
        await at.bus.until(lambda: len(at.bus.books) == 20)
        assert len(at.bus.hellos) == 2
        assert at.bus.hellos[1].revision == at.bus.revision


async def test_a_full_disk_refuses_and_bills_nothing_and_heals(tmp_path: Path) -> None:
    async with scene(tmp_path) as at, at.client() as http:
        pid = at.process.process.pid
        assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == 200
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
        refused = [await http.post("/v1/models/m:predict", json=BODY) for _ in range(3)]
        assert {answer.status_code for answer in refused} == {503}
        assert "usage cannot be recorded" in refused[0].json()["error"]
        assert refused[0].headers["retry-after"]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        assert (await http.post("/v1/models/m:predict", json=BODY)).status_code == 200
        await at.bus.until(lambda: len(at.bus.books) == 2)
        assert [event.seq for event in at.bus.events] == [1, 2]
