"""Messages between controls and node agents: what is said is what is heard, and nothing else is understood."""

import contextlib
import random

import msgspec
import pytest

from bms.core.errors import InvalidArgument
from bms.core.workloads.isolation import Isolation
from bms.core.workloads.resources import Resources
from bms.core.workloads.workload import WorkloadSpec
from bms.protocols import node_agent as said
from bms.protocols.lengths import LENGTH
from bms.protocols.node_agent import MAX_FIRST, MAX_MESSAGE, cut, encode, encode_body, message_reader
from tests.sizes import enough

SPEC = WorkloadSpec(
    id="rep_1",
    kind="model_server",
    tenant="t",
    owner="rep_1",
    epoch=3,
    program="bms.app.model_server",
    config={"servable": {"model": "digits"}},
    resources=Resources(),
    trees={"artifact": "sha256:" + "a" * 64},
)
QUESTIONS: list[said.ToAgent] = [
    said.PrepareAgentWorkload(SPEC),
    said.StartAgentWorkload(SPEC, b"\x00secret"),
    said.Observe(),
    said.StopAgentWorkload("rep_1", None),
    said.Forget("rep_1"),
    said.RecordPiece("rep_1", "log", 7, 100),
    said.StoreFolder("t", "rep_1", "checkpoint"),
    said.EnvironmentDigests((SPEC.environment,)),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: type(question).__name__)
def test_questions_arrive_as_they_were_asked(question: said.ToAgent) -> None:
    ask = said.Ask(1, msgspec.Raw(encode_body(question)))
    (body,) = message_reader().feed(encode(ask))
    heard = said.message.decode(body)
    assert isinstance(heard, said.Ask)
    assert said.to_agent.decode(heard.what) == question


def test_messages_are_cut_wherever_the_bytes_are_torn() -> None:
    messages = [said.Alive(), said.Changed(), said.ProgressLine(4, "building")]
    stream, reader, heard = b"".join(map(encode, messages)), message_reader(), []
    for at in range(len(stream)):
        heard += [said.message.decode(body) for body in reader.feed(stream[at : at + 1])]
    assert heard == messages


def test_a_first_message_leaves_what_comes_after_it() -> None:
    first = encode(said.Relay("rep_1"))
    assert cut(first[:-1], MAX_FIRST) is None
    found = cut(first + b"frames", MAX_FIRST)
    assert found is not None
    assert (said.first.decode(found[0]), found[1]) == (said.Relay("rep_1"), b"frames")


def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidArgument, match="the limit is"):
        cut(LENGTH.pack(MAX_FIRST + 1), MAX_FIRST)
    with pytest.raises(InvalidArgument, match="the limit is"):
        message_reader().feed(LENGTH.pack(MAX_MESSAGE + 1))
    with pytest.raises(InvalidArgument, match="send less at once"):
        encode(said.ProgressLine(1, "x" * (MAX_MESSAGE + 1)))


def test_anything_else_is_an_error_in_words() -> None:
    chance = random.Random(5)
    whole = encode_body(said.Welcome(1, "far", Isolation(), 2.0, 4 << 30))
    for _ in range(enough(2_000, 200_000)):
        broken = bytearray(whole[: chance.randrange(len(whole) + 1)])
        for _ in range(chance.randrange(4)):
            if broken:
                broken[chance.randrange(len(broken))] = chance.randrange(256)
        for decoder in (said.first, said.greeting, said.joining, said.message, said.to_agent, said.to_control):
            with contextlib.suppress(InvalidArgument):
                decoder.decode(bytes(broken))


def test_what_is_secret_is_in_no_words() -> None:
    assert "hush" not in repr(said.AgentHello(1, "hush", "platform_a", "control")) + repr(
        said.StartAgentWorkload(SPEC, b"hush")
    )
