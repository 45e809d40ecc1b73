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
    asks_as_triton(tell, url.replace("//", f"//any:{key}@"))  # it sends no header of its own there


def asks_as_triton(tell: Teller, base: str) -> None:
    messages = [{"role": "user", "content": "to be or not"}]

    def said(path: str, **more: object) -> object:
        answer = litellm.completion(model="triton/says", messages=messages, api_base=f"{base}/v2/models/{path}", **more)
        return answer if more.get("stream") else answer.choices[0].message.content

    tell.now("triton: generate", lambda: said("says/generate"))
    tell.now("triton: generate, bounded", lambda: said("says/generate", max_tokens=2))
    tell.now("triton: infer", lambda: said("says/infer", max_tokens=3))
    tell.now(
        "triton: streamed",
        lambda: "".join(part.choices[0].delta.content or "" for part in said("says/generate", stream=True)),
    )
    tell.now("triton: no such model", lambda: said("nothing/generate"))


if __name__ == "__main__":
    main(*sys.argv[1:])
