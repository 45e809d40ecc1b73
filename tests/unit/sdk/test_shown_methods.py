"""`help` of a client's methods says what they take and give, on both kinds of client."""

import inspect
import pydoc

from bms.sdk import AsyncClient, Client
from bms.sdk.binding.resources import Resource

URL = "http://127.0.0.1:1"


def test_help_of_predict_is_that_of_a_method() -> None:
    with Client(URL) as client:
        said = pydoc.plain(pydoc.render_doc(client.predict))
        assert "predict(name: str, inputs: Any, *, version: int | None = None" in " ".join(said.split())
        assert "-> bms.sdk.inference.Prediction" in said
        assert 'client.predict("digits"' in said
        assert "Generator" not in said
        assert "self" not in said.partition("What deployment")[0]


def test_every_method_of_both_clients_says_what_it_gives() -> None:
    for client in (Client(URL), AsyncClient(URL)):
        resources = [client, *(value for value in vars(client).values() if isinstance(value, Resource))]
        assert len(resources) > 10
        for resource in resources:
            for name in [name for name in dir(type(resource)) if not name.startswith("_")]:
                method = getattr(resource, name)
                if not callable(method) or isinstance(method, type) or name in ("close", "latency"):
                    continue
                shown = str(inspect.signature(method))
                assert "Generator" not in shown, (name, shown)
                assert "(self" not in shown, (name, shown)


def test_asyncio_clients_are_awaited_and_streams_are_iterated() -> None:
    def gives(method: object) -> str:
        return str(inspect.signature(method).return_annotation)  # type: ignore[arg-type]

    with Client(URL) as client:
        assert gives(client.jobs.list) == "collections.abc.Iterator[bms.sdk.jobs.Job]"
        assert gives(client.jobs.log) == "collections.abc.Iterator[bytes]"
        assert gives(client.users.get).endswith("User'>")
    waiting = AsyncClient(URL)
    assert gives(waiting.jobs.list) == "collections.abc.AsyncIterator[bms.sdk.jobs.Job]"
    assert gives(waiting.users.get) == "collections.abc.Coroutine[typing.Any, typing.Any, bms.api_types.users.User]"
    assert waiting.users.get.__name__ == "get"


def test_help_of_the_class_shows_its_methods_too() -> None:
    said = " ".join(pydoc.plain(pydoc.render_doc(Client)).split())
    assert "predict(self, /, name: str, inputs: Any, *, version: int | None = None" in said
    with Client(URL) as client:
        assert Client.predict.flow.__name__ == client.predict.__name__ == "predict"
