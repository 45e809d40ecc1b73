"""A model server as a process: it answers like the model run directly, by the rules of its protocol."""

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bms.app.process import startup as process
from bms.core.errors import DeadlineExceeded, InvalidArgument, NotFound
from bms.core.workloads.programs import Batching, ServableConfig, StdinSecrets
from bms.protocols import frames
from bms.protocols.frames import FrameType
from tests.framework_env import SOURCE
from tests.worlds.model_servers import (
    TOKEN,
    Client,
    mlp_config,
    model,
    rows,
    server_config,
    slow_config,
    started,
    turns,
)


def direct(inputs: dict[str, np.ndarray]) -> np.ndarray:
    session = onnxruntime.InferenceSession(model("onnx/mlp") + "/model.onnx")
    (answer,) = session.run(["probabilities"], inputs)
    return answer


def test_answers_are_those_of_the_model_run_directly(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path)) as server:
        client = server.ready()
        for count in (1, 2, 64, 200):
            inputs = rows(count, seed=count)
            assert np.array_equal(client.infer(inputs)["probabilities"], direct(inputs))


def test_requests_in_flight_share_runs_and_each_gets_its_own_rows(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path, batching=Batching(max_rows=32))) as server:
        client = server.ready()
        for first in range(0, 300, 15):  # as many as fit into the socket
            os.kill(server.process.pid, signal.SIGSTOP)  # so that all of them wait when it begins
            questions = {client.ask(rows(1 + index % 3, seed=index)): index for index in range(first, first + 15)}
            os.kill(server.process.pid, signal.SIGCONT)
            for _ in range(15):
                id, outputs = client.answer()
                index = questions.pop(id)
                expected = direct(rows(1 + index % 3, seed=index))
                np.testing.assert_allclose(outputs["probabilities"], expected, rtol=1e-5, atol=1e-7)
            assert not questions
        status = client.status()
        assert (status.requests, status.rows, status.errors, status.in_flight) == (300, 600, 0, 0)
        assert status.batches < 150  # 600 rows, up to 32 in a run: half of that, and nobody shared


def test_two_clients_at_once_get_their_own_answers(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path)) as server:
        server.ready().close()
        failures: list[str] = []

        def run(seed: int) -> None:
            client = server.connect()
            for turn in range(200):
                inputs = rows(1, seed=seed * 1000 + turn)
                if not np.allclose(client.infer(inputs)["probabilities"], direct_rows[seed][turn], atol=1e-6):
                    failures.append(f"{seed}/{turn}")

        direct_rows = {seed: [direct(rows(1, seed=seed * 1000 + turn)) for turn in range(200)] for seed in (1, 2)}
        threads = [threading.Thread(target=run, args=(seed,)) for seed in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not failures
        assert server.connect().status().requests == 400


def test_bad_requests_get_errors_that_say_why_and_spoil_nobody_elses(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path, batching=Batching(max_rows=64, max_wait_s=0.05))) as server:
        client = server.ready()
        good = [client.ask(rows(1, seed=index)) for index in range(4)]
        bad = client.ask({"x": np.zeros((1, 63), np.float32)})
        good += [client.ask(rows(1, seed=index)) for index in range(4, 8)]
        answered = []
        for _ in range(9):
            frame = client.receive()
            assert frame is not None
            if frame.id == bad:
                error = frames.decode_error(frame)
                assert (error.code, error.retry) == ("INVALID_ARGUMENT", False)
                assert error.message == "input 'x' has shape [1, 63], expected [-1, 64]"
            else:
                answered.append(frame.id)
        assert sorted(answered) == sorted(good)
        assert client.error({"x": np.zeros((1, 64), np.float64)}).message == "input 'x' is FP64, expected FP32"
        assert client.error({"y": rows(1)["x"]}).message == "input 'x' is missing: this model takes 'x'"
        assert client.error({**rows(1), "y": rows(1)["x"]}).message == "unknown input 'y': this model takes 'x'"
        assert "no rows" in client.error({"x": np.zeros((0, 64), np.float32)}).message
        assert isinstance(client.error(rows(1), signature="absent"), NotFound)
        assert isinstance(client.error(rows(1), outputs=("absent",)), InvalidArgument)
        assert client.infer(rows(2), signature="serving_default", outputs=("probabilities",))
        assert client.status().errors == 7


def test_time_used_up_while_waiting_is_told_at_once(tmp_path: Path) -> None:
    with started(slow_config(tmp_path)) as server:
        client = server.ready()
        client.ask(turns(500_000_000))
        client.ask(turns(1), timeout_us=1)
        with pytest.raises(DeadlineExceeded, match="time was used up"):
            client.answer()
        assert client.status().in_flight == 1


def test_cancelled_requests_are_not_answered(tmp_path: Path) -> None:
    with started(slow_config(tmp_path)) as server:
        client = server.ready()
        running = client.ask(turns(3_000_000))
        given_up = client.ask(turns(2))
        client.send(frames.encode_plain(FrameType.CANCEL, given_up))
        client.send(frames.encode_plain(FrameType.CANCEL, 99))  # unknown: it may just have been answered
        kept = client.ask(turns(3))
        assert [client.answer()[0], client.answer()[0]] == [running, kept]
        status = client.status()
        assert (status.in_flight, status.requests, status.errors) == (0, 3, 1)
        assert 'code="CANCELLED"} 1' in status.metrics


def test_a_run_that_nobody_waits_for_is_stopped(tmp_path: Path) -> None:
    with started(slow_config(tmp_path)) as server:
        client, gone = server.ready(), server.connect()
        for asker in (client, gone):
            asker.ask(turns(2_000_000_000))  # an hour or so
            while client.status().in_flight != 1:
                pass
            if asker is client:
                client.send(frames.encode_plain(FrameType.CANCEL, 1))
            else:
                gone.close()
            assert client.infer(turns(3))["y"].tolist() == [3]
        assert client.status().in_flight == 0
        assert not [line for line in server.log if line["level"] == "error"]


def test_a_connection_that_breaks_takes_its_requests_with_it(tmp_path: Path) -> None:
    with started(slow_config(tmp_path)) as server:
        client, other = server.ready(), server.ready()
        client.ask(turns(3_000_000))
        for _ in range(5):
            client.ask(turns(1))
        while other.status().in_flight < 6:
            pass
        client.close()
        assert other.infer(turns(4))["y"].tolist() == [4]
        assert other.status().in_flight == 0


def torn(client: Client, data: bytes) -> bool:
    client.send(data)
    return client.receive() is None


INFER = b"".join(frames.encode_infer(1, "", [frames.Tensor("x", np.zeros((1, 64), np.float32))]))


META = msgspec.msgpack.encode(("", 0, (), (("x", "FP32", (1,) * 100, 4),)))
TOO_MANY_DIMENSIONS = frames.HEADER.pack(len(META) + 4, len(META), FrameType.INFER, 1) + META + b"abcd"


@pytest.mark.parametrize(
    "data",
    {
        "http": b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
        "declares more than the limit": frames.HEADER.pack(1 << 40, 0, FrameType.INFER, 1),
        "describes more than it has": frames.HEADER.pack(10, 11, FrameType.INFER, 1) + bytes(10),
        "unknown kind": frames.encode_plain(42),  # type: ignore[arg-type]
        "an answer": frames.encode_plain(FrameType.ANSWER, 1),
        "no msgpack": frames.encode_plain(FrameType.INFER, 1, b"\xc1\xc1"),
        "wrong structure": frames.encode_plain(FrameType.INFER, 1, b"\x93\x01\x02\x03"),
        "fewer bytes than described": INFER[: frames.HEADER.size + 40].replace(INFER[:8], (40).to_bytes(8, "little")),
        "more dimensions than there are": TOO_MANY_DIMENSIONS,
        "negative deadline": b"".join(frames.encode_infer(1, "", [], timeout_us=-5)),
        "an id twice": INFER * 2,
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_no_frame_closes_its_own_connection_only(tmp_path: Path, data: tuple[str, bytes]) -> None:
    with started(mlp_config(tmp_path)) as server:
        bystander = server.ready()
        bad = server.connect()
        assert torn(bad, data[1])
        assert bystander.infer(rows(1))
        assert any("broke the protocol" in str(line["event"]) for line in server.log)


def test_random_bytes_never_bring_it_down(tmp_path: Path) -> None:
    random = np.random.default_rng(11)
    with started(mlp_config(tmp_path)) as server:
        bystander = server.ready()
        for _ in range(60):
            client = server.connect()
            garbled = bytearray(INFER)
            for place in random.integers(8, len(garbled) - 256, 4):
                garbled[place] = int(random.integers(256))
            client.send(bytes(garbled))
            client.socket.shutdown(1)
            client.receive()
            client.close()
        assert bystander.infer(rows(1))
        assert server.process.poll() is None


def test_status_and_metrics_count_what_happened(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path)) as server:
        client = server.ready()
        client.infer(rows(5))
        client.error({"x": np.zeros((1, 1), np.float32)})
        status = client.status()
        assert (status.replica, status.state, status.error) == ("r1", "AVAILABLE", "")
        assert (status.requests, status.rows, status.batches, status.errors) == (2, 5, 1, 1)
        assert status.compute_ns > 0
        assert status.memory > 10 << 20
        families = {family.name: family for family in text_string_to_metric_families(status.metrics)}
        assert families["bms_model_server_requests"].samples[0].value == 2
        assert families["bms_model_server_requests"].samples[0].labels == {
            "replica": "r1",
            "model": "mlp",
            "version": "3",
        }
        counts = {sample.labels["le"]: sample.value for sample in families["bms_model_server_batch_rows"].samples[:-2]}
        assert (counts["4"], counts["8"], counts["+Inf"]) == (0, 1, 1)


def test_the_socket_is_the_owners_alone_and_gone_after_the_end(tmp_path: Path) -> None:
    config = mlp_config(tmp_path)
    with started(config) as server:
        server.ready()
        assert stat.S_IMODE(os.stat(config.socket).st_mode) == 0o600
        status_lines = Path(f"/proc/{server.process.pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status_lines
        assert server.end() == 0
        assert not os.path.exists(config.socket)


def test_sigterm_finishes_what_is_in_flight_and_says_goodbye(tmp_path: Path) -> None:
    held = Batching(max_rows=64, max_wait_s=60.0)
    with started(mlp_config(tmp_path, batching=held)) as server:
        client, idle = server.ready(), server.ready()
        asked = [client.ask(rows(2, seed=index)) for index in range(3)]
        assert client.status().in_flight == 3
        server.process.send_signal(signal.SIGTERM)
        kinds = {}
        for _ in range(4):
            frame = client.receive()
            assert frame is not None
            kinds[frame.id] = frame.kind
        assert kinds == {0: FrameType.GOING_AWAY, **dict.fromkeys(asked, FrameType.ANSWER)}
        goodbye = idle.receive()
        assert goodbye is not None
        assert goodbye.kind == FrameType.GOING_AWAY
        assert idle.receive() is None
        assert server.process.wait(30) == 0


def test_a_draining_server_sends_new_requests_elsewhere(tmp_path: Path) -> None:
    with started(slow_config(tmp_path, drain_s=3600.0)) as server:
        client = server.ready()
        client.ask(turns(500_000_000))
        assert client.status().in_flight == 1
        server.process.send_signal(signal.SIGTERM)
        goodbye = client.receive()
        assert goodbye is not None
        assert goodbye.kind == FrameType.GOING_AWAY
        error = client.error(turns(1))
        assert (error.code, error.retry_after_s is not None) == ("UNAVAILABLE", True)
        assert "UNLOADING" in error.message
        newcomer = server.connect()
        told = newcomer.receive()
        assert told is not None
        assert told.kind == FrameType.GOING_AWAY
        assert newcomer.status().state == "UNLOADING"


def test_a_run_longer_than_the_drain_is_given_up_and_told(tmp_path: Path) -> None:
    with started(slow_config(tmp_path, drain_s=0.05)) as server:
        client = server.ready()
        client.ask(turns(200_000_000))
        assert client.status().in_flight == 1
        server.process.send_signal(signal.SIGTERM)
        goodbye, last = client.receive(), client.receive()
        assert goodbye is not None
        assert last is not None
        assert goodbye.kind == FrameType.GOING_AWAY
        error = frames.decode_error(last)
        assert (error.code, error.retry) == ("UNAVAILABLE", True)
        assert server.process.wait(30) == 0
        assert not os.path.exists(server.path)


def test_a_second_signal_ends_the_drain(tmp_path: Path) -> None:
    with started(slow_config(tmp_path, drain_s=3600.0)) as server:
        client = server.ready()
        client.ask(turns(200_000_000))
        assert client.status().in_flight == 1
        server.process.send_signal(signal.SIGTERM)
        assert client.receive() is not None
        assert server.end(signal.SIGINT) == 0


def test_kill_breaks_the_connection_and_a_new_one_takes_the_socket_over(tmp_path: Path) -> None:
    config = mlp_config(tmp_path)
    with started(config) as server:
        client = server.ready()
        client.ask(rows(1_000_000))
        assert server.end(signal.SIGKILL) == -signal.SIGKILL
        assert client.receive() is None
    assert os.path.exists(config.socket)
    with started(config) as server:
        assert server.ready().infer(rows(1))


def test_a_model_that_can_t_be_loaded_is_told_by_status_and_stderr(tmp_path: Path) -> None:
    servable = ServableConfig(runtime="onnx", directory=model("refused/truncated"), model="mlp", version=3)
    with started(server_config(tmp_path, servable)) as server:
        client = server.connect()
        status = client.status()
        while status.state != "END":
            status = client.status()
        assert "but is not one" in status.error
        error = client.error(rows(1))
        assert (error.code, error.retry_after_s is not None) == ("UNAVAILABLE", True)
        assert server.process.wait(30) == 1
        assert any("but is not one" in str(line.get("reason")) for line in server.log)


def test_a_declared_signature_that_warm_up_disproves_fails_the_load(tmp_path: Path) -> None:
    from bms.core.tensors.signature import Signature, TensorSpec

    declared = Signature(
        inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 4)),),
        outputs=(TensorSpec(name="y", dtype="FP32", shape=(None, None, None)),),
    )
    servable = ServableConfig(
        runtime="onnx",
        directory=model("onnx/one_row"),
        model="m",
        version=1,
        signatures={"serving_default": declared},
        proved=True,
    )
    with started(server_config(tmp_path, servable)) as server:
        client = server.connect()
        status = client.status()
        while status.state in ("START", "LOADING"):
            status = client.status()
        assert status.state == "END"
        assert "warm-up of signature 'serving_default' with 64 rows failed" in status.error
        assert server.process.wait(30) == 1


def test_what_cannot_start_says_why(tmp_path: Path) -> None:
    config = mlp_config(tmp_path)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}

    def run(*arguments: str, sealed: bytes = msgspec.msgpack.encode(StdinSecrets(token=TOKEN))) -> tuple[int, str]:
        ended = subprocess.run(
            [sys.executable, "-m", "bms.app.model_server", *arguments],
            env=environment,
            input=sealed,
            capture_output=True,
            timeout=30,
        )
        return ended.returncode, ended.stderr.decode()

    assert run()[0] == process.USAGE
    assert "can't be read" in run(str(tmp_path / "absent.json"))[1]
    (tmp_path / "bad.json").write_text('{"replica": 5}')
    status, said = run(str(tmp_path / "bad.json"))
    assert (status, "holds no ModelServerConfig" in said) == (process.CONFIG, True)
    (tmp_path / "config.json").write_bytes(msgspec.json.encode(config))
    for sealed, words in ((b"", "no token was handed over"), (b"\xc1", "not what a workload is handed")):
        status, said = run(str(tmp_path / "config.json"), sealed=sealed)
        assert (status, words in said) == (process.CONFIG, True), said
    with started(config) as server:
        server.ready()
        status, said = run(str(tmp_path / "config.json"))
        assert (status, "another process listens" in said) == (process.CONFIG, True)
        assert server.connect().infer(rows(1))
    long = mlp_config(tmp_path / ("d" * 120))
    Path(long.socket).parent.mkdir()
    with started(long) as server:
        assert server.process.wait(30) == process.CONFIG
