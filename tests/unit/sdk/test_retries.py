"""What is repeated, how often, and after which waits: without a network, by playing the driver."""

import pytest

from bms.core.clock import ManualClock
from bms.core.errors import (
    Aborted,
    BmsError,
    Internal,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    Unavailable,
)
from bms.sdk.retries import ClientRetryBudget, Retrying, RetryPolicy
from bms.sdk.transport.flow import ClientRequest, Flow, Pause, Reply, TimedOut, Unreachable

Outcome = Reply | BmsError
OK = Reply(200, {}, b"{}")
POST_ONCE = ClientRequest("POST", "/x", headers={"idempotency-key": "k"})


def reply(status: int, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, b'{"error": "no"}')


def play(flow: Flow[Reply], outcomes: list[Outcome]) -> tuple[Reply, list[float]]:
    """The flow's result and its waits, when its requests end as `outcomes` say; all of them must be used."""
    waits: list[float] = []
    left = list(outcomes)
    step = next(flow)
    while True:
        try:
            if isinstance(step, Pause):
                waits.append(step.seconds)
                step = flow.send(None)
                continue
            outcome = left.pop(0)
            step = flow.throw(outcome) if isinstance(outcome, BmsError) else flow.send(outcome)
        except StopIteration as stop:
            assert left == []
            return stop.value, waits


def retrying(**policy: float) -> Retrying:
    longest = {"uniform": lambda low, high: high}
    return Retrying(RetryPolicy(**policy), ManualClock(), **longest)  # type: ignore[arg-type]


def test_a_good_reply_is_returned_at_once() -> None:
    assert play(retrying()(ClientRequest("GET", "/x")), [OK]) == (OK, [])


def test_refusals_are_repeated_with_growing_waits_and_full_jitter() -> None:
    _, waits = play(retrying()(ClientRequest("POST", "/x")), [reply(503), reply(429), reply(503), OK])
    assert waits == pytest.approx([0.1, 0.2, 0.4])
    _, waits = play(
        Retrying(RetryPolicy(), uniform=lambda low, high: low)(ClientRequest("POST", "/x")), [reply(503), OK]
    )
    assert waits == [0]


def test_retry_after_is_waited_for_in_seconds_or_as_a_date() -> None:
    assert play(retrying()(ClientRequest("GET", "/x")), [reply(503, retry_after="2"), OK])[1] == pytest.approx([2.1])
    date = "Thu, 01 Jan 2026 00:00:03 GMT"  # the manual clock stands at midnight
    assert play(retrying()(ClientRequest("GET", "/x")), [reply(429, retry_after=date), OK])[1] == pytest.approx([3.1])


def test_a_retry_after_beyond_patience_is_told_to_the_caller() -> None:
    with pytest.raises(ResourceExhausted) as caught:
        play(retrying()(ClientRequest("GET", "/x")), [reply(429, retry_after="3600")])
    assert caught.value.retry_after_s == 3600


@pytest.mark.parametrize(
    ("request_", "repeated"),
    [
        (ClientRequest("GET", "/x"), True),
        (ClientRequest("PUT", "/x"), True),
        (ClientRequest("DELETE", "/x"), True),
        (POST_ONCE, True),
        (ClientRequest("POST", "/x"), False),
        (ClientRequest("PATCH", "/x"), False),
        (ClientRequest("PUT", "/x", headers={"if-match": '"3"'}), False),
    ],
)
@pytest.mark.parametrize("lost", [Unreachable("lost", sent=True), TimedOut("too late")], ids=["lost", "late"])
def test_without_a_reply_only_what_has_one_effect_is_repeated(
    request_: ClientRequest, repeated: bool, lost: BmsError
) -> None:
    if repeated:
        assert play(retrying()(request_), [lost, OK])[0] == OK
    else:
        with pytest.raises(type(lost)):
            play(retrying()(request_), [lost])


def test_what_was_never_sent_is_always_repeated() -> None:
    assert play(retrying()(ClientRequest("PATCH", "/x")), [Unreachable("refused", sent=False), OK])[0] == OK


@pytest.mark.parametrize(("status", "kind"), [(400, InvalidArgument), (404, NotFound), (409, Aborted), (500, Internal)])
def test_other_errors_are_never_repeated(status: int, kind: type[BmsError]) -> None:
    with pytest.raises(kind):
        play(retrying()(POST_ONCE), [reply(status)])


def test_a_repeat_that_meets_its_own_first_attempt_waits_for_it() -> None:
    lost = Unreachable("lost", sent=True)
    running = Reply(409, {}, b'{"code": "ABORTED", "detail": "the first is still running"}')
    assert play(retrying()(POST_ONCE), [lost, running, OK])[0] == OK


def test_attempts_are_counted() -> None:
    with pytest.raises(Unavailable):
        play(retrying(attempts=3)(ClientRequest("GET", "/x")), [reply(503)] * 3)


def test_the_budget_ends_retries_of_a_server_that_is_down() -> None:
    send = retrying(reserve=2, share=0.5, attempts=10)
    for requests in (3, 1, 2, 1, 2):
        with pytest.raises(Unavailable):
            play(send(ClientRequest("GET", "/x")), [reply(503)] * requests)


def test_the_budget_grows_with_calls_up_to_its_reserve() -> None:
    budget = ClientRetryBudget(share=0.5, reserve=1)
    assert budget.spend()
    assert not budget.spend()
    budget.earn()
    assert not budget.spend()
    for _ in range(9):
        budget.earn()
    assert [budget.spend(), budget.spend()] == [True, False]
