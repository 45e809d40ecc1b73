"""OpenAI's client asks a platform: `asks_openai.py URL KEY`."""

import asyncio
import sys

import openai

from tests.clients.telling import Teller


def main(url: str, key: str) -> None:
    tell = Teller()
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
    stranger = openai.OpenAI(base_url=f"{url}/v1", api_key="bmsk_no.key", max_retries=0)

    def vectors(**asked: object) -> list[list[float]]:
        return [one.embedding for one in client.embeddings.create(**asked).data]

    def refused(ask: object) -> list[object]:
        try:
            ask()
        except openai.APIStatusError as error:
            return [type(error).__name__, error.status_code, error.type, error.code, bool(error.body["message"])]
        return ["answered"]

    tell.now("embeddings", lambda: vectors(model="mixed", input=["a", "bcd"]))
    tell.now("one text, floats", lambda: vectors(model="mixed", input="a", encoding_format="float", user="me"))
    tell.now("dimensions", lambda: vectors(model="mixed@1", input="a", dimensions=1))
    tell.now("models", lambda: sorted(each.id for each in client.models.list()))
    tell.now("model", lambda: client.models.retrieve("mixed").id)

    async def at_once() -> list[float]:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as several:
            asked = (several.embeddings.create(model="mixed", input="a" * size) for size in range(1, 6))
            return [one.data[0].embedding[0] for one in await asyncio.gather(*asked)]

    tell.now("at once", lambda: asyncio.run(at_once()))
    hello = [{"role": "user", "content": "hello"}]
    tell.now("no such model", lambda: refused(lambda: client.models.retrieve("nothing")))
    tell.now("no embeddings", lambda: refused(lambda: client.embeddings.create(model="flowers", input="a")))
    tell.now("a wrong key", lambda: refused(lambda: stranger.models.list()))
    tell.now("chat", lambda: refused(lambda: client.chat.completions.create(model="mixed", messages=hello)))
    tell.now("responses", lambda: refused(lambda: client.responses.create(model="mixed", input="hello")))
    tell.now("completions", lambda: refused(lambda: client.completions.create(model="mixed", prompt="hello")))
    tell.now("files", lambda: refused(lambda: client.files.list()))
    tell.now("batches", lambda: refused(lambda: client.batches.list()))
    tell.now("images", lambda: refused(lambda: client.images.generate(model="mixed", prompt="a house")))

    def streamed() -> None:
        for _ in client.chat.completions.create(model="mixed", messages=hello, stream=True):
            pass

    tell.now("chat, streamed", lambda: refused(streamed))
    tell.now("delete", lambda: refused(lambda: client.models.delete("mixed")))


if __name__ == "__main__":
    main(*sys.argv[1:])
