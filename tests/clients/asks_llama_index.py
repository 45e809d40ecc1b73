"""LlamaIndex's embeddings ask a platform: `asks_llama_index.py URL KEY`."""

import sys

from llama_index.embeddings.openai import OpenAIEmbedding

from tests.clients.telling import Teller


def main(url: str, key: str) -> None:
    tell = Teller()
    ours = {"api_base": f"{url}/v1", "api_key": key, "max_retries": 0}
    tell.now("texts", lambda: OpenAIEmbedding(model_name="mixed", **ours).get_text_embedding_batch(["a", "bcd"]))
    tell.now("a query", lambda: OpenAIEmbedding(model_name="mixed", **ours).get_query_embedding("a"))
    tell.now("dimensions", lambda: OpenAIEmbedding(model_name="mixed", dimensions=1, **ours).get_query_embedding("a"))
    tell.now("no such model", lambda: OpenAIEmbedding(model_name="nothing", **ours).get_query_embedding("a"))


if __name__ == "__main__":
    main(*sys.argv[1:])
