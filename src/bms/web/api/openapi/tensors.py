"""Schemas of the bodies on the inference paths."""

from typing import Any

from bms.core.tensors.tensor import NUMPY

Schema = dict[str, Any]
_ANY: Schema = {"description": "any JSON value"}
_TEXT: Schema = {"type": "string"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(about: str, required: tuple[str, ...], **properties: Schema) -> Schema:
    return {"type": "object", "description": about, "required": list(required), "properties": properties}


def _list(items: Schema, about: str) -> Schema:
    return {"type": "array", "items": items, "description": about}


def _described(schema: Schema, about: str) -> Schema:
    return {**schema, "description": about}


_PARAMETERS: Schema = {"type": "object", "additionalProperties": True, "description": "the protocol's parameters"}
_DTYPES = [*NUMPY, "BF16"]
_TENSOR: dict[str, Schema] = {
    "name": _described(_TEXT, "the tensor's name"),
    "datatype": {"type": "string", "enum": _DTYPES, "description": "of its elements"},
    "shape": _list({"type": "integer", "minimum": 0}, "its dimensions; the first counts rows"),
    "data": _list(_ANY, "elements in row order, nested or flat; left out where they follow as raw tensors"),
    "parameters": _PARAMETERS,
}
_PARAMS: Schema = {
    "type": "object",
    "additionalProperties": True,
    "description": "what the model takes beside its inputs, by name; those left out have their defaults",
}
_SIGNATURE_NAME = _described(_TEXT, "which signature is meant; left out: the one that the inputs fit, or the default")

SCHEMAS: dict[str, Schema] = {
    "PlainError": _object("An error of inference.", ("error",), error=_described(_TEXT, "what was wrong")),
    "OpenAIError": _object(
        "An error as OpenAI's clients read it.",
        ("error",),
        error=_object(
            "The error.",
            ("message",),
            message=_described(_TEXT, "what was wrong"),
            type=_described(_TEXT, "its kind"),
            code=_described({"type": ["string", "null"]}, "its code"),
            param=_described({"type": ["string", "null"]}, "the member that is wrong"),
        ),
    ),
    "MlflowError": _object(
        "An error as MLflow's clients read it.",
        ("error_code", "message"),
        error_code=_described(_TEXT, "one of MLflow's names, e.g. `BAD_REQUEST`"),
        message=_described(_TEXT, "what was wrong"),
    ),
    "PredictRequest": _object(
        "Rows (`instances`), columns (`inputs`), or a table of MLflow's: exactly one of them.",
        (),
        instances=_list(_ANY, "one element for each row: a value, or an object of values by input"),
        inputs=_described(_ANY, "a tensor, or an object of tensors by input"),
        dataframe_split=_object(
            "A table by columns and rows.",
            ("data",),
            columns=_list(_ANY, "names; left out: rows are taken by place"),
            data=_list(_list(_ANY, "one row"), "rows"),
            index=_list(_ANY, "not looked at"),
        ),
        dataframe_records=_list({"type": "object"}, "a table as objects"),
        params=_PARAMS,
        signature_name=_SIGNATURE_NAME,
    ),
    "PredictAnswer": _object(
        "`predictions` for rows, `outputs` for columns.",
        (),
        predictions=_list(_ANY, "one element for each row: a value, or an object of values by output"),
        outputs=_described(_ANY, "a tensor, or an object of tensors by output"),
    ),
    "InvocationsAnswer": _object(
        "What the library's own `predict` gives: a list of values, the rows of a frame, or arrays by name.",
        ("predictions",),
        predictions=_described(_ANY, "in the form in which the model gives it"),
    ),
    "ExplainAnswer": _object(
        "What the model's signature `explain` gives.",
        ("explanations",),
        explanations=_described(_ANY, "one element for each row, or a tensor, or an object of tensors by output"),
    ),
    "ExamplesRequest": _object(
        "Examples by their features.",
        ("examples",),
        examples=_list({"type": "object"}, "one object of features for each example"),
        context=_described({"type": "object"}, "features that all examples share"),
        signature_name=_SIGNATURE_NAME,
    ),
    "ResultsAnswer": _object(
        "For each example `[[label, score], …]` of `:classify`, or a number of `:regress`.",
        ("results",),
        results=_list(_ANY, "as many as examples"),
    ),
    "VersionStatus": _object(
        "The versions that are served, and how they are.",
        ("model_version_status",),
        model_version_status=_list({"type": "object"}, "a version's number, state and error"),
    ),
    "ModelMetadata": _object(
        "Signatures, as TensorFlow Serving tells them.",
        ("model_spec", "metadata"),
        model_spec=_described({"type": "object"}, "name and version"),
        metadata=_described({"type": "object"}, "`signature_def`"),
    ),
    "ServedList": _object(
        "The deployments of the key's tenant, for OpenAI and KServe clients.",
        (),
        data=_list({"type": "object"}, "each as OpenAI tells a model"),
        models=_list(_TEXT, "names, as KServe V1 tells them"),
    ),
    "EmbeddingsRequest": _object(
        "Texts, or token ids.",
        ("model", "input"),
        model=_described(_TEXT, "a deployment's name; `name@3` or `name@alias` for one of its versions"),
        input=_described(_ANY, "a text, texts, token ids, or lists of them"),
        encoding_format={"type": "string", "enum": ["float", "base64"], "description": "how vectors are written"},
        dimensions=_described({"type": "integer"}, "refused unless it is the model's own"),
    ),
    "EmbeddingsAnswer": _object(
        "A vector for each text, in order.",
        ("object", "data", "model", "usage"),
        object=_described(_TEXT, "`list`"),
        data=_list({"type": "object"}, "`embedding` and `index`"),
        model=_described(_TEXT, "what answered"),
        usage=_described({"type": "object"}, "tokens"),
    ),
    "InferTensor": _object("A tensor that is sent.", ("name", "datatype", "shape"), **_TENSOR),
    "WantedOutput": _object(
        "An output that is wanted.",
        ("name",),
        name=_TENSOR["name"],
        parameters=_described({"type": "object"}, "`binary_data`; `classification: N` for the N best classes"),
    ),
    "InferRequest": _object(
        "Tensors in; raw ones follow the JSON, whose length `Inference-Header-Content-Length` says.",
        ("inputs",),
        id=_described(_TEXT, "yours, in the answer"),
        inputs=_list(ref("InferTensor"), "the inputs"),
        outputs=_list(ref("WantedOutput"), "those that are wanted; left out: all"),
        parameters=_described(
            {"type": "object"},
            "`timeout` (µs), `priority`, `binary_data_output`, `signature_name`; `params`: the model's",
        ),
    ),
    "InferAnswer": _object(
        "Tensors out.",
        ("model_name", "model_version", "outputs"),
        id=_described(_TEXT, "the request's"),
        model_name=_described(_TEXT, "the deployment's name"),
        model_version=_described(_TEXT, "number of the version that answered"),
        outputs=_list(ref("InferTensor"), "the outputs"),
        parameters=_PARAMETERS,
    ),
    "GenerateRequest": {
        "type": "object",
        "description": "Members that name inputs are inputs, others parameters. A value is one row unless it is nested "
        "as deep as the input has dimensions.",
        "additionalProperties": True,
        "properties": {"id": _described(_TEXT, "yours, in the answer"), "parameters": _PARAMETERS},
    },
    "GenerateAnswer": {
        "type": "object",
        "description": "Outputs by name as plain values.",
        "additionalProperties": True,
        "properties": {
            "id": _described(_TEXT, "the request's"),
            "model_name": _described(_TEXT, "the deployment's name"),
            "model_version": _described(_TEXT, "number of the version that answered"),
        },
    },
    "ServerMetadata": _object(
        "The server, as the protocol tells it.",
        ("name", "version", "extensions"),
        name=_described(_TEXT, "`bms`"),
        version=_described(_TEXT, "of the program"),
        extensions=_list(_TEXT, "extensions of the protocol that are offered"),
    ),
    "OipModel": _object(
        "A model's inputs and outputs, as the protocol tells them.",
        ("name", "platform", "inputs", "outputs"),
        name=_described(_TEXT, "the deployment's name"),
        versions=_list(_TEXT, "numbers of the versions that are served"),
        platform=_described(_TEXT, "what runs it"),
        inputs=_list({"type": "object"}, "name, datatype and shape; -1 is a free dimension"),
        outputs=_list({"type": "object"}, "the same of the outputs"),
    ),
    "Readiness": {
        "type": "object",
        "description": "Whether it is ready: 200 if so, else 503.",
        "properties": {
            "live": _described({"type": "boolean"}, "whether the process answers"),
            "ready": _described({"type": "boolean"}, "whether requests can be answered"),
            "name": _described(_TEXT, "the deployment's name"),
        },
    },
    "Statistics": _object(
        "Counts since the start of the gateway that answers.",
        ("model_stats",),
        model_stats=_list({"type": "object"}, "one for each version: counts and nanoseconds"),
    ),
    "RepositoryIndex": _list({"type": "object"}, "name, version, state and reason of what the tenant serves"),
    "IndexRequest": {
        "type": "object",
        "description": "Which are listed.",
        "properties": {"ready": _described({"type": "boolean"}, "only those that can be asked")},
    },
    "RepositoryRequest": {
        "type": "object",
        "description": "As clients of the protocol send it.",
        "properties": {"parameters": _described({"type": "object"}, "none is needed")},
    },
    "Anything": {"type": "object", "description": "As the protocol says.", "additionalProperties": True},
}
