"""LangChain's embeddings ask a platform: `asks_langchain.py URL KEY`."""

import sys

from langchain_openai import OpenAIEmbeddings

from tests.clients.telling import Teller


def main(url: str, key: str) -> None:
    tell = Teller()

    def embeddings(model: str, **more: object) -> OpenAIEmbeddings:
        return OpenAIEmbeddings(model=model, base_url=f"{url}/v1", api_key=key, max_retries=0, **more)

    texts = ["a", "bcd"]
    tell.now("token ids, as by default", lambda: embeddings("mixed").embed_documents(texts))
    tell.now("a query of more than ASCII", lambda: embeddings("mixed").embed_query("héllo wörld"))
    plain = {"check_embedding_ctx_length": False}
    tell.now("texts", lambda: embeddings("mixed", **plain).embed_documents(texts))
    tell.now("no such model", lambda: embeddings("nothing", **plain).embed_documents(texts))


if __name__ == "__main__":
    main(*sys.argv[1:])
