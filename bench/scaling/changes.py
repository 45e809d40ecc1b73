"""How long one change takes to reach every gateway, from the call that makes it until all of them act on it.

All gateways accept on one socket, so a change counts as arrived with the first of RUN good answers in a row, each on a
connection of its own.
"""

import time
from collections.abc import Callable

from scaling.client import Caller
from scaling.world import model_name

RUN = 16
GIVE_UP_S = 20.0
MODEL = model_name(1)


def measure(caller: Caller, times: int, mark: str) -> dict[str, list[float]]:
    """Seconds by kind of change. `mark` tells one round's names from another's."""
    seconds: dict[str, list[float]] = {}
    for number in range(times):
        name = f"{mark}-{number}"
        for kind, change in (("a key made, then revoked", _keys), ("an alias moved", _alias), ("deployed", _deployed)):
            for one, took in change(caller, name).items():
                seconds.setdefault(one if kind.startswith("a key") else kind, []).append(took)
    return seconds


def _keys(caller: Caller, name: str) -> dict[str, float]:
    began = time.perf_counter()
    made = caller.made("POST", "/api/v1/keys", {"name": name})
    works = _arrived(began, lambda: caller.call("GET", "/v1/models", key=made["text"]).status == 200)
    began = time.perf_counter()
    caller.made("POST", f"/api/v1/keys/{made['key']['id']}/revoke")
    ended = _arrived(began, lambda: caller.call("GET", "/v1/models", key=made["text"]).status == 401)
    return {"a key made": works, "a key revoked": ended}


def _alias(caller: Caller, name: str) -> dict[str, float]:
    """A label that no version had: unknown is 404, known is another answer."""
    path = f"/v1/models/{MODEL}/labels/{name}:predict"
    body = {"instances": [[0.0] * 64]}
    assert caller.call("POST", path, body).status == 404
    began = time.perf_counter()
    caller.made("PUT", f"/api/v1/models/{MODEL}/aliases/{name}", {"version": 1})
    return {"an alias moved": _arrived(began, lambda: caller.call("POST", path, body).status == 503)}


def _deployed(caller: Caller, name: str) -> dict[str, float]:
    began = time.perf_counter()
    caller.made("POST", "/api/v1/deployments", {"name": name, "model": MODEL, "version": 1, "stopped": True})
    return {"deployed": _arrived(began, lambda: caller.call("GET", f"/v1/models/{name}").status != 404)}


def _arrived(began: float, good: Callable[[], bool]) -> float:
    """Raises RuntimeError when it does not within GIVE_UP_S."""
    streak, since = 0, 0.0
    while time.perf_counter() - began < GIVE_UP_S:
        if good():
            since = since if streak else time.perf_counter()
            streak += 1
            if streak == RUN:
                return since - began
        else:
            streak = 0
    raise RuntimeError(f"a change did not reach every gateway within {GIVE_UP_S:.0f} s")
