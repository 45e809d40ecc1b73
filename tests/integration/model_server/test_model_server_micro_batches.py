"""Parcels: several calls in one frame, which wait, run and are answered as one, and fail one by one."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from bms.core.tensors.tensor import Tensor
from bms.core.workloads.programs import Batching
from bms.protocols import frames
from bms.protocols.frames import FrameType
from tests.worlds.model_servers import Client, mlp_config, rows, slow_config, started, turns


def send(client: Client, id: int, calls: list[dict[str, np.ndarray]], timeout_us: int = 0) -> None:
    tensors = [[Tensor(name, array) for name, array in call.items()] for call in calls]
    parts = tuple(len(next(iter(call.values()))) for call in calls)
    client.send(b"".join(frames.encode_infer_calls(id, "", tensors, parts, timeout_us)))


def test_a_micro_batch_is_answered_by_one_frame_with_the_rows_of_all_its_calls(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path)) as server:
        client = server.ready()
        calls = [rows(count, seed=count) for count in (1, 3, 2)]
        send(client, 7, calls)
        frame = client.receive()
        assert frame is not None
        meta, (tensor,) = frames.decode_answer(frame)
        assert (frame.id, meta.final, meta.first, meta.count) == (7, True, 0, 0)
        expected = np.concatenate([client.infer(call)["probabilities"] for call in calls])
        np.testing.assert_allclose(tensor.array, expected, rtol=1e-5, atol=1e-7)
        status = client.status()
        assert (status.requests, status.rows, status.in_flight) == (6, 12, 0)


def test_micro_batches_and_single_calls_share_batches(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path, batching=Batching(max_rows=64, max_wait_s=60.0))) as server:
        client = server.ready()
        send(client, 1 << 20, [rows(20), rows(20)])
        client.ask(rows(4))
        assert client.status().in_flight == 3
        send(client, 2 << 20, [rows(10), rows(10)])
        assert sorted(client.answer()[0] for _ in range(3)) == [1, 1 << 20, 2 << 20]
        status = client.status()
        assert (status.requests, status.batches) == (5, 1)


def test_a_micro_batch_larger_than_a_batch_runs_alone(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path, batching=Batching(max_rows=4))) as server:
        client = server.ready()
        send(client, 5, [rows(3), rows(3)])
        id, outputs = client.answer()
        assert (id, outputs["probabilities"].shape) == (5, (6, 10))
        assert client.status().batches == 1


def test_cancelling_a_micro_batch_ends_all_its_calls(tmp_path: Path) -> None:
    with started(slow_config(tmp_path)) as server:
        client = server.ready()
        client.ask(turns(3_000_000))
        assert client.status().in_flight == 1
        client.send(frames.encode_plain(FrameType.CANCEL, 1))
        status = client.status()
        assert (status.in_flight, status.errors) == (0, 1)


@pytest.mark.parametrize("parts", [(1, 1), (3, 1), (0, 3), (-1, 4), (3, 0)], ids=str)
def test_a_frame_whose_rows_do_not_add_up_is_refused(tmp_path: Path, parts: tuple[int, ...]) -> None:
    meta = frames.InferMeta("", 0, (), (frames.TensorMeta("x", "FP32", (3, 64), 768),), parts)
    encoded = msgspec.msgpack.encode(meta)
    with started(mlp_config(tmp_path)) as server:
        client, other = server.ready(), server.connect()
        client.send(frames.HEADER.pack(len(encoded) + 768, len(encoded), FrameType.INFER, 1) + encoded + bytes(768))
        assert client.receive() is None
        assert other.infer(rows(1))
        assert any("rows, which is not what 'x' [3, 64] hold" in str(line.get("reason")) for line in server.log)


def test_with_allowed_sizes_answers_are_those_of_the_model_and_what_was_added_is_counted(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path, batching=Batching(sizes=(1, 4, 16)))) as server:
        client = server.ready()
        whole = client.infer(rows(40, seed=3))["probabilities"]
        for count in (1, 2, 3, 5, 16):
            answer = client.infer({"x": rows(40, seed=3)["x"][:count]})["probabilities"]
            np.testing.assert_allclose(answer, whole[:count], rtol=1e-5, atol=1e-7)
        status = client.status()
        assert (status.rows, status.batches) == (67, 8)  # the forty are 16, 16 and 8
        lines = status.metrics.splitlines()
        assert any(line.startswith("bms_model_server_padded_rows_total{") and line.endswith(" 22") for line in lines)
        assert any('reason="idle"} ' in line for line in lines)


def test_adaptive_batching_answers_every_call_of_a_hundred_clients_in_flight(tmp_path: Path) -> None:
    batching = Batching(policy="adaptive", objective_s=0.05, max_rows=32)
    with started(mlp_config(tmp_path, batching=batching)) as server:
        client = server.ready()
        expected = client.infer(rows(2000, seed=9))["probabilities"]
        x = rows(2000, seed=9)["x"]
        asked = {client.ask({"x": x[at : at + 1]}): at for at in range(100)}
        answered = 0
        while asked:
            id, outputs = client.answer()
            np.testing.assert_allclose(outputs["probabilities"][0], expected[asked.pop(id)], rtol=1e-5, atol=1e-7)
            answered += 1
            if answered + len(asked) < 2000:
                asked[client.ask({"x": x[answered + len(asked) :][:1]})] = answered + len(asked)
        assert client.status().requests == 2001


def test_a_micro_batch_that_does_not_fit_is_refused_as_one(tmp_path: Path) -> None:
    with started(mlp_config(tmp_path)) as server:
        client = server.ready()
        send(client, 3, [{"x": np.zeros((1, 5), np.float32)}, {"x": np.zeros((2, 5), np.float32)}])
        frame = client.receive()
        assert frame is not None
        error = frames.decode_error(frame)
        assert (frame.id, error.code, error.first, error.count) == (3, "INVALID_ARGUMENT", 0, 0)
        assert (client.status().requests, client.status().errors) == (2, 2)
