"""The demo waits for what is under way as long as it takes, and not for what never comes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bms.cli.demo import story
from bms.cli.demo.stage import Stage
from bms.cli.demo.teller import Teller
from bms.core.errors import FailedPrecondition, Internal
from bms.sdk.jobs import Job

THEN = datetime(2026, 11, 1, tzinfo=UTC)


def job(state: str, **said: str) -> Job:
    return Job(id="1", name="convert", state=state, created_at=THEN, created_by="admin", **said)  # type: ignore[arg-type]


def version(number: int, *, parent: int | None = None, measured: bool = False, **more: object) -> SimpleNamespace:
    lineage = SimpleNamespace(job="" if parent else "training", parent=parent)
    fields = {
        "state": "ready",
        "reason": "",
        "gate_results": [SimpleNamespace(measuring=False)] if measured else [],
    } | more
    return SimpleNamespace(id=f"v{number}", number=number, lineage=lineage, **fields)


class World:
    """A platform whose state is a function of the time, which only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.made: list[SimpleNamespace] = []
        self.jobs: list[Job] = []
        monkeypatch.setattr(story, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self._sleep))
        client: Any = SimpleNamespace(
            models=SimpleNamespace(versions=lambda _: iter(self.made)),
            jobs=SimpleNamespace(list=self._list),
        )
        self.story = story.Story(Stage(Path("home"), "http://127.0.0.1", "key"), client, Teller())
        self.then: list[tuple[float, Any]] = []

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        while self.then and self.now >= self.then[0][0]:
            self.then.pop(0)[1]()

    def _list(self, subject: str) -> Iterator[Job]:
        return iter(self.jobs if subject == "v1" else [])

    def family(self) -> tuple[int, int]:
        parent, child = self.story._family("training", lambda _, words: self.told.append(words))
        return parent.number, child.number


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_conversion_whose_environment_takes_long_to_fetch_is_waited_for(world: World) -> None:
    world.made, world.jobs = [version(1)], [job("starting", message="Downloading onnx")]

    def converted() -> None:
        world.made, world.jobs = [version(1), version(2, parent=1, measured=True)], [job("succeeded")]

    world.then = [(5 * story.SETTLE_S, converted)]
    assert world.family() == (1, 2)
    assert set(world.told) == {"convert, Downloading onnx"}


def test_when_nothing_is_under_way_it_gives_up(world: World) -> None:
    world.made, world.jobs = [version(1)], [job("succeeded")]
    with pytest.raises(Internal, match="not ready after 120 s without a job"):
        world.family()
    assert world.now == pytest.approx(story.SETTLE_S, abs=1)


def test_a_failed_job_ends_it_in_the_jobs_words(world: World) -> None:
    world.made, world.jobs = [version(1)], [job("failed", error="outputs differ")]
    with pytest.raises(FailedPrecondition, match="convert failed: outputs differ"):
        world.family()


def test_a_rejected_version_ends_it_with_the_reason(world: World) -> None:
    world.made, world.jobs = [version(1, state="rejected", reason="no signature")], [job("running")]
    with pytest.raises(FailedPrecondition, match="version 1 was rejected: no signature"):
        world.family()
