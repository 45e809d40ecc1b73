"""Models of one framework that are asked alike: in `make test-all` each deployed, else all served by one process.

A deployment imports its framework twice, to be verified and to be served, which takes longer than all that is asked.
What is shown of pushing and deploying is shown of one model of each framework; of the others what they are recognised
as, and what they answer.
"""

import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from bms.adapters.runtimes.recognition import recognise
from bms.sdk.nouns.signatures import Signature
from tests.frameworks.agreement import answers_alike, deployed
from tests.sizes import ALL
from tests.worlds.hosted import Model, all_answering
from tests.worlds.platforms import RealPlatform


class Told(NamedTuple):
    """What a version says of itself."""

    runtime: str
    format: str
    requirements: tuple[str, ...]
    signatures: Mapping[str, Signature]


class Several(NamedTuple):
    """Where all of them answer, with which key; what each says, by its name."""

    url: str
    key: str
    versions: dict[str, Told]

    def alike(self, name: str, expected: Path, **options: float) -> Told:
        """As `answers_alike` says."""
        answers_alike(self, self.versions[name].signatures, expected, name=name, **options)  # type: ignore[arg-type]
        return self.versions[name]


@contextmanager
def several(
    request: pytest.FixtureRequest,
    artifacts: Mapping[str, Path],
    requirements: tuple[str, ...],
    allow_pickle: Collection[str] = (),
) -> Iterator[Several]:
    """They answer; `artifacts` are what would be pushed, by the names of their deployments; `requirements` are those of
    the framework's environment, where all can run."""
    if ALL:
        yield _deployed(request.getfixturevalue("platform"), artifacts, allow_pickle)
        return
    folder = request.getfixturevalue("tmp_path_factory").mktemp("several")
    directories = {name: _directory(folder / name, path) for name, path in artifacts.items()}
    found = {
        name: recognise(str(directory), allow_pickle=name in allow_pickle) for name, directory in directories.items()
    }
    models = [
        Model(name, directory, found[name].runtime, name in allow_pickle) for name, directory in directories.items()
    ]
    with all_answering(models, requirements, folder) as gateway:
        versions = {
            name: Told(one.runtime, gateway.formats[name], one.requirements, gateway.signatures[name])  # type: ignore[arg-type]
            for name, one in found.items()
        }
        yield Several(gateway.url, gateway.key, versions)


def _deployed(platform: RealPlatform, artifacts: Mapping[str, Path], allow_pickle: Collection[str]) -> Several:
    made = {
        name: deployed(platform, path, name, ["--allow-pickle"] if name in allow_pickle else [])
        for name, path in artifacts.items()
    }
    versions = {
        name: Told(one.runtime, one.format, one.environment.requirements, one.signatures) for name, one in made.items()
    }
    return Several(platform.url, platform.key, versions)


def _directory(place: Path, artifact: Path) -> Path:
    """The artifact as a version's files: a file is the only one."""
    if artifact.is_dir():
        return artifact
    place.mkdir()
    shutil.copy(artifact, place)
    return place
