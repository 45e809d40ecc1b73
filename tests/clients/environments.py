"""The clients that are tried, in the versions that docs/protocols.md tells of; each in an environment of its own.

As a program, builds what is not there yet: `python -m tests.clients.environments`.
"""

from pathlib import Path

from tests.clients import node
from tests.framework_env import framework_python

ENVIRONMENTS = {
    "kserve": ("kserve==0.21.0",),
    "mlserver": ("mlserver==1.7.1", "pandas==2.3.3", "httpx"),
    "openai": ("openai==3.57.0",),
    "langchain": ("langchain-openai==1.7.4",),
    "llama_index": ("llama-index-embeddings-openai==0.7.0",),
    "litellm": ("litellm==1.110.2",),
    "http2": ("httpx[http2]==0.28.1",),
    "grpcio": ("grpcio-reflection==1.85.1", "grpcio-health-checking==1.85.1", "numpy"),
    "tritonclient": ("tritonclient==2.73.0", "tritonclient[http,grpc]", "pillow"),
}
OPENAI_NODE = "openai@7.55.0"
SCHEMATHESIS = ("schemathesis==4.32.5",)  # no client of people's: it asks for everything that the API describes
_CL100K = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"  # what tiktoken names the file by in its cache


def openai_tokens() -> Path:
    """The vocabulary cl100k_base, which LlamaIndex brings."""
    home = framework_python(ENVIRONMENTS["llama_index"]).parents[1]
    (found,) = home.glob(f"lib/python*/site-packages/llama_index/core/_static/tiktoken_cache/{_CL100K}")
    return found


if __name__ == "__main__":
    for name, requirements in ENVIRONMENTS.items():
        print(name, framework_python(requirements))
    print("node", node.missing() or node.packages(OPENAI_NODE))
    print("schemathesis", framework_python(SCHEMATHESIS))
