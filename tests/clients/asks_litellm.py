"""LiteLLM asks a platform: `asks_litellm.py URL KEY`."""

import sys

import litellm

from tests.clients.telling import Teller


def main(url: str, key: str) -> None:
    tell = Teller()

    def vectors(model: str, **more: object) -> list[list[float]]:
        answer = litellm.embedding(model=model, input=["a", "bcd"], api_base=f"{url}/v1", api_key=key, **more)
        return [one["embedding"] for one in answer.data]

    tell.now("texts", lambda: vectors("openai/mixed"))
    tell.now("as floats", lambda: vectors("openai/mixed", encoding_format="float"))
    tell.now("by the name of a server like OpenAI's", lambda: vectors("hosted_vllm/mixed"))
    tell.now("no such model", lambda: vectors("openai/nothing", max_retries=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
