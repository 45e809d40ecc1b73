"""What the table of clients says, in both languages, of what was tried: names of scripts' attempts, as globs."""

from typing import NamedTuple


class Part(NamedTuple):
    """A few words of a cell, and the attempts that they are about."""

    en: str
    zh: str
    tried: tuple[str, ...]


class Row(NamedTuple):
    """Of one client. `refused` is what is refused in words; `lacks` is what its own server has beyond that."""

    name: str
    name_zh: str
    works: tuple[Part, ...]
    refused: tuple[Part, ...] = ()
    lacks: tuple[Part, ...] = ()


_TEXTS = (
    "chat, completions, responses: 404 with its error, which says how texts are asked for here; files, batches, "
    "images: 404 with its error",
    "chat、completions、responses：404，按它的错误格式说明这里如何请求文本；files、batches、images：404，按它的错误格式",
)

ROWS = {
    "curl": Row(
        "curl, as the peers' quick starts have it",
        "curl，按各家快速入门的写法",
        (
            Part(
                "TensorFlow Serving: `half_plus_two` by rows and columns, regression, status, metadata",
                "TensorFlow Serving：`half_plus_two` 按行和按列、回归、状态、元数据",
                ("TensorFlow Serving: *",),
            ),
            Part(
                "KServe: `sklearn-iris` by V1 and V2, frames",
                "KServe：`sklearn-iris` 的 V1 和 V2、数据框",
                ("KServe: *",),
            ),
            Part("Triton: readiness", "Triton：就绪", ("Triton: *",)),
            Part(
                "MLServer: `mnist-svm`, also of version `v0.1.0`, and in half precision",
                "MLServer：`mnist-svm`，也可指定版本 `v0.1.0`；半精度",
                ("MLServer*",),
            ),
            Part(
                "MLflow: `/invocations` in each form, `ping`, `version`",
                "MLflow：`/invocations` 的各种形式、`ping`、`version`",
                ("MLflow: *",),
            ),
            Part("OpenAI: `embeddings`, `models`", "OpenAI：`embeddings`、`models`", ("OpenAI: *",)),
        ),
    ),
    "kserve": Row(
        "KServe's SDK",
        "KServe 的 SDK",
        (
            Part(
                "REST v2: JSON, binary both ways, several inputs, frames (`pd`), texts, labels, readiness",
                "REST v2：JSON、双向二进制、多个输入、数据框（`pd`）、文本、标签、就绪",
                (
                    *("live", "ready", "model ready", "named", "input-0*", "binary*", "two inputs", "frame", "text"),
                    "labels*",
                ),
            ),
            Part(
                "REST v1: rows, columns, texts, labels, readiness",
                "REST v1：按行、按列、文本、标签、就绪",
                ("v1 live", "v1 model ready", "v1 instances", "v1 inputs", "v1 texts", "v1 labels", "v1 classifier"),
            ),
            Part("`explain`", "`explain`", ("v1 explain", "v1 no explainer")),
            Part("gRPC: raw, typed, frames, labels, readiness", "gRPC：raw、typed、数据框、标签、就绪", ("grpc *",)),
            Part("CloudEvents around `predict` and `explain`", "`predict` 和 `explain` 的 CloudEvents", ("*event, *",)),
            Part("errors in words", "错误有说明", ("wrong shape", "no such *", "v1 no such *", "live")),
        ),
    ),
    "mlserver": Row(
        "MLServer's codecs",
        "MLServer 的编解码器",
        (
            Part(
                "Numpy, String, Base64, Datetime and Pandas codecs, inputs and requests; its codecs read the answers",
                "Numpy、String、Base64、Datetime、Pandas 编解码器，输入级和请求级；它们也能读回答",
                ("numpy*", "vectors", "string*", "base64", "datetime", "frame*"),
            ),
        ),
        (
            Part(
                "truth values in a column of texts: 400",
                "文本列里的真值：400",
                ("a column of *",),
            ),
        ),
    ),
    "openai": Row(
        "OpenAI's client",
        "OpenAI 的客户端",
        (
            Part(
                "`embeddings` in every form, sync and async",
                "`embeddings` 的各种形式，同步和异步",
                ("embeddings", "one text*", "dimensions", "at once"),
            ),
            Part("`models`", "`models`", ("models", "model")),
            Part(
                "its errors' `type`, `code` and text",
                "错误的 `type`、`code` 和文字",
                ("no such model", "no embeddings", "a wrong key", "delete"),
            ),
        ),
        (Part(*_TEXTS, ("chat*", "completions", "responses", "files", "batches", "images")),),
    ),
    "openai-node": Row(
        "OpenAI's client for Node",
        "OpenAI 的 Node 客户端",
        (
            Part("`embeddings`", "`embeddings`", ("openai: embeddings", "openai: as floats")),
            Part("`models`", "`models`", ("openai: models",)),
            Part("its errors", "错误", ("openai: no such model",)),
        ),
        (Part("chat: 404 with its error", "chat：404，按它的错误格式", ("openai: chat",)),),
    ),
    "node": Row(
        "Node's own `fetch` and `node:http2`",
        "Node 自带的 `fetch` 和 `node:http2`",
        (
            Part(
                "JSON by whatever type, streams of gzip, `null` for NaN, raw tensors both ways, server-sent events",
                "任何类型的 JSON、gzip 流、以 `null` 表示 NaN、双向 raw 张量、服务器发送事件",
                ("fetch: *",),
            ),
            Part("HTTP/2, many at once", "HTTP/2，并发", ("http2: *",)),
        ),
    ),
    "langchain": Row(
        "LangChain's `OpenAIEmbeddings`",
        "LangChain 的 `OpenAIEmbeddings`",
        (
            Part("texts", "文本", ("texts", "a query*")),
            Part(
                "token ids, as by default, with `bms up --openai-tokens`",
                "配合 `bms up --openai-tokens`，也接受默认发送的 token id",
                ("token ids*",),
            ),
            Part("errors in words", "错误有说明", ("no such model", "texts")),
        ),
    ),
    "llama_index": Row(
        "LlamaIndex's `OpenAIEmbedding`",
        "LlamaIndex 的 `OpenAIEmbedding`",
        (
            Part("texts, queries, `dimensions`", "文本、查询、`dimensions`", ("texts", "a query", "dimensions")),
            Part("errors in words", "错误有说明", ("no such model", "texts")),
        ),
    ),
    "litellm": Row(
        "LiteLLM",
        "LiteLLM",
        (
            Part(
                "`embedding` as `openai/NAME` and `hosted_vllm/NAME`",
                "`embedding`，写作 `openai/NAME` 和 `hosted_vllm/NAME`",
                ("texts", "as floats", "by the name *"),
            ),
            Part(
                "`completion` as `triton/NAME`, by `…/generate`, streamed, and by `…/infer`, with the key in the URL",
                "`completion`，写作 `triton/NAME`，走 `…/generate`（也可流式）和 `…/infer`，密钥写在 URL 里",
                ("triton: *",),
            ),
            Part("errors in words", "错误有说明", ("no such model", "triton: no such model", "texts")),
        ),
    ),
    "http2": Row(
        "httpx over HTTP/2",
        "HTTP/2 上的 httpx",
        (
            Part(
                "REST with prior knowledge: one by one, at once, 20,000 rows, streams, control's paths",
                "以 prior knowledge 走 REST：逐个、并发、两万行、流、控制面的路径",
                ("predict", "at once", "large", "stream", "control", "no such model"),
            ),
        ),
    ),
    "grpcio": Row(
        "grpcio with server reflection and health checks",
        "grpcio 的服务器反射和健康检查",
        (
            Part(
                "all services, methods and messages found by reflection, and called so; health",
                "通过反射找到所有服务、方法和消息并调用；健康检查",
                ("*",),
            ),
        ),
    ),
    "tfserving": Row(
        "TensorFlow Serving's client",
        "TensorFlow Serving 的客户端",
        (
            Part(
                "all of `PredictionService` and `ModelService`, every form of a tensor: "
                "[its gRPC](#tensorflow-serving-over-grpc) (`make test-frameworks`)",
                "`PredictionService` 和 `ModelService` 的全部方法，张量的各种形式（`make test-frameworks`）",
                ("*",),
            ),
        ),
        (
            Part(
                "`HandleReloadConfigRequest` that would change what is served: UNIMPLEMENTED, with what would change",
                "会改变所服务内容的 `HandleReloadConfigRequest`：UNIMPLEMENTED，并说明会改变什么",
                ("reload of others",),
            ),
            Part(
                "complex, quantized, resource and variant tensors, which no model here takes",
                "复数、量化、resource、variant 张量：这里没有模型接受它们",
                ("complex numbers",),
            ),
        ),
    ),
    "mlflow": Row(
        "MLflow's `ScoringServerClient`, its deployment clients, its documents' requests",
        "MLflow 的 `ScoringServerClient`、部署客户端、文档里的请求",
        (
            Part(
                "frames, arrays, lists, CSV and parameters, answered as MLflow's own server does "
                "(`make test-frameworks`)",
                "数据框、数组、列表、CSV 和参数，回答与 MLflow 自己的服务器相同（`make test-frameworks`）",
                ("frame*", "array", "list", "parameters", "* [0-9]*"),
            ),
            Part(
                "CSV and frames also of models that take tensors: by name, of one matrix by place",
                "接受张量的模型也可用 CSV 和数据框：按名字，只有一个矩阵时按位置",
                ("in CSV: *",),
            ),
            Part("`ping`, `version`", "`ping`、`version`", ("version", "ping of nothing")),
            Part(
                "its deployment clients: `predict`, `list_endpoints`, `get_endpoint`",
                "部署客户端：`predict`、`list_endpoints`、`get_endpoint`",
                ("deployment client", "databricks client", "*endpoint*"),
            ),
            Part("its errors' form", "错误的形式", ("refused: *",)),
        ),
        (
            Part(
                "parameters that the model does not have: MLflow's server leaves them out with a line in its log",
                "模型没有的参数：MLflow 的服务器会略去，只在日志里写一行",
                ("left out: *",),
            ),
        ),
    ),
    "tritonclient": Row(
        "Triton's client",
        "Triton 的客户端",
        (
            Part(
                "HTTP and gRPC, one by one, together and in streams: image clients with classes by name",
                "HTTP 和 gRPC，逐个、并发和流式：图像客户端按名字得到类别",
                ("* colours*", "* encoded images"),
            ),
            Part(
                "sequences on one of several replicas, bounded: refused in words beyond that",
                "序列，固定在多个副本之一，有上限：超出则拒绝并说明",
                (
                    *("sequences*", "* sequence", "* by turns", "* three open", "* a fourth", "* room again"),
                    *("* the same again", "* given up", "* no sequence", "* not begun", "* of a model without"),
                ),
            ),
            Part(
                "texts, explicit contents, channel arguments, keep-alive, objects used again, many clients",
                "文本、显式内容、通道参数、keep-alive、重用的对象、多个客户端",
                (
                    "* texts",
                    "explicit contents*",
                    "channel arguments",
                    "kept alive",
                    "* the same objects",
                    "* many clients",
                ),
            ),
            Part("optional inputs", "可选输入", ("* both inputs", "* without *")),
            Part("decoupled models", "decoupled 模型", ("*decoupled*",)),
            Part("trace and log settings, read", "读取跟踪和日志设置", ("*traces", "*logs")),
            Part("statistics, loading, asyncio", "统计、加载、asyncio", ("statistics", "* load*", "aio *")),
            Part("errors in Triton's words", "错误用 Triton 的措辞", ("* no such *", "decoupled")),
        ),
        lacks=(Part("shared memory: refused in words", "共享内存：拒绝并说明", ("*shared memory", "*GPU memory")),),
    ),
}
