"""TensorFlow Serving's services of a real gateway over gRPC, asked by grpcio in a process of its own.

The messages are those of our own schema, which tests/clients/tfserving holds against the packages that clients use.
"""

import asyncio
import sys
from pathlib import Path

from tests.worlds.gateways import deployment, key, scene, version

PROGRAM = """
import sys
import grpc
import numpy as np
from bms.protocols.protobuf.pool import message

url, key, stranger = sys.argv[1:]
channel = grpc.insecure_channel(url)
headers = [("authorization", "Bearer " + key)]
serving = lambda name: message("tensorflow.serving." + name)
ROWS = np.arange(8, dtype=np.float32).reshape(2, 4)

def method(name, request, response, service="PredictionService"):
    return channel.unary_unary(
        f"/tensorflow.serving.{service}/{name}", lambda given: given.SerializeToString(), serving(response).FromString
    )

predict = method("Predict", "PredictRequest", "PredictResponse")
classify = method("Classify", "ClassificationRequest", "ClassificationResponse")
regress = method("Regress", "RegressionRequest", "RegressionResponse")
multi = method("MultiInference", "MultiInferenceRequest", "MultiInferenceResponse")
metadata = method("GetModelMetadata", "GetModelMetadataRequest", "GetModelMetadataResponse")
status = method("GetModelStatus", "GetModelStatusRequest", "GetModelStatusResponse", "ModelService")

def rows(name="m", array=ROWS, dtype=1, **spec):
    request = serving("PredictRequest")(model_spec={"name": name, **spec})
    given = request.inputs["x"]
    given.dtype, given.tensor_content = dtype, array.tobytes()
    for size in array.shape:
        given.tensor_shape.dim.add(size=size)
    return request

def examples(kind, **spec):
    request = serving(kind)(model_spec={"name": "m", **spec})
    for value in (0.25, 0.5):
        example = request.input.example_list.examples.add()
        example.features.feature["features"].float_list.value.extend([value, 9])
    return request

def good(request, **options):
    answer = predict(request, metadata=headers, **options)
    assert list(answer.outputs["y"].float_val) == (ROWS * 2 + 1).ravel().tolist(), answer
    return answer.model_spec

def fails(call, code, said):
    try:
        call()
    except grpc.RpcError as error:
        whole = error.details() == said or (said.endswith("…") and error.details().startswith(said[:-1]))
        assert error.code() == code and whole, error
        return
    raise AssertionError(f"expected {code}")

for _ in range(2):
    told = good(rows())
    assert (told.name, told.version.value, told.signature_name) == ("m", 2, "serving_default"), told
assert good(rows(version={"value": 1})).version.value == 1
assert good(rows(version_label="old")).version.value == 1
answer, call = predict.with_call(rows(array=ROWS.astype(float) + 2.0**-40, dtype=2), metadata=headers)
assert "FP64 numbers were rounded to FP32" in dict(call.initial_metadata())["warning"]

C = grpc.StatusCode
ask = lambda request, metadata=headers: lambda: predict(request, metadata=metadata)
fails(ask(rows("none")), C.NOT_FOUND, "Servable not found for request: Latest(none)")
fails(ask(rows(version={"value": 9})), C.NOT_FOUND, "Servable not found for request: Specific(m, 9)")
fails(ask(rows(version_label="new")), C.INVALID_ARGUMENT, "Unrecognized servable version label: new")
fails(ask(rows(version={"value": 3})), C.UNAVAILABLE, "version 3 of 'm' is LOADING, not AVAILABLE: come again")
fails(ask(rows(signature_name="q")), C.FAILED_PRECONDITION, 'Serving signature key "q" not found.')
fails(ask(rows(array=ROWS[:, :3])), C.INVALID_ARGUMENT, "input 'x' has shape [2, 3], expected [-1, 4]")
other = rows()
other.inputs["y"].CopyFrom(other.inputs["x"])
fails(ask(other), C.INVALID_ARGUMENT, "unknown input 'y': this model takes 'x'")
del other.inputs["x"]
fails(ask(other), C.INVALID_ARGUMENT, "input 'x' is missing: this model takes 'x'")
other = rows()
other.inputs["x"].Clear()
other.inputs["x"].dtype, other.inputs["x"].string_val[:] = 7, [b"a"] * 4
for size in (1, 4):
    other.inputs["x"].tensor_shape.dim.add(size=size)
fails(ask(other), C.INVALID_ARGUMENT, "input 'x' is BYTES, expected FP32")
other = rows()
other.output_filter[:] = ["z"]
fails(ask(other), C.INVALID_ARGUMENT, "no output 'z': this model gives 'y'…")
fails(ask(rows(), [("x-api-key", stranger)]), C.NOT_FOUND, "Servable not found for request: Latest(m)")
fails(ask(serving("PredictRequest")()), C.INVALID_ARGUMENT, "Missing ModelSpec")

result = classify(examples("ClassificationRequest", signature_name="classes"), metadata=headers).result
assert [[(one.label, one.score) for one in row.classes] for row in result.classifications] == [
    [("no", 0.25), ("yes", 0.75)], [("no", 0.5), ("yes", 0.5)]
], result
result = regress(examples("RegressionRequest", signature_name="number"), metadata=headers).result
assert [each.value for each in result.regressions] == [9.25, 9.5], result
fails(lambda: regress(examples("RegressionRequest", signature_name="classes"), metadata=headers),
      C.INVALID_ARGUMENT, "signature 'classes' is for 'classify', not for 'regress'")

def tasks(*pairs, name="m"):
    request = serving("MultiInferenceRequest")()
    request.input.CopyFrom(examples("ClassificationRequest").input)
    for verb, signature in pairs:
        request.tasks.add(model_spec={"name": name, "signature_name": signature},
                          method_name="tensorflow/serving/" + verb)
    return request

both = tasks(("regress", "number"), ("classify", "classes"))
results = multi(both, metadata=headers).results
assert [each.model_spec.signature_name for each in results] == ["number", "classes"], results
assert [each.value for each in results[0].regression_result.regressions] == [9.25, 9.5], results
assert results[1].classification_result.classifications[1].classes[0].score == 0.5, results
ask = lambda request: lambda: multi(request, metadata=headers)
fails(ask(tasks(("regress", "number"), ("regress", "number"))), C.INVALID_ARGUMENT,
      "Duplicate evaluation of signature: number")
fails(ask(tasks(("predict", ""))), C.UNIMPLEMENTED,
      "Unsupported signature method_name: tensorflow/serving/predict")
fails(ask(tasks(("regress", ""), name="none")), C.NOT_FOUND, "Servable not found for request: Latest(none)")
fails(ask(tasks()), C.INVALID_ARGUMENT, "the request has 0 tasks, expected 1 to 256")
both.tasks[1].model_spec.name = "other"
fails(ask(both), C.INVALID_ARGUMENT, "All ModelSpecs in a MultiInferenceRequest must access the same model name.")
both.tasks[1].model_spec.name = "m"
both.tasks[1].model_spec.version.value = 1
fails(ask(both), C.INVALID_ARGUMENT, "all tasks are asked of one version: name that of the first, or none")

ask = lambda name="m", **spec: status(
    serving("GetModelStatusRequest")(model_spec={"name": name, **spec}), metadata=headers
).model_version_status
assert [(each.version, each.state, each.status.error_code) for each in ask()] == [
    (3, 20, 0), (2, 30, 0), (1, 30, 0)
], ask()
assert [each.version for each in ask(version={"value": 1})] == [1]
assert [each.version for each in ask(version_label="old")] == [1]
fails(lambda: ask("none"), C.NOT_FOUND, "Could not find any versions of model none")
fails(lambda: ask(version={"value": 9}), C.NOT_FOUND, "Could not find version 9 of model m")

ask = lambda *fields, **spec: metadata(
    serving("GetModelMetadataRequest")(model_spec={"name": "m", **spec}, metadata_field=fields), metadata=headers
)
told = ask("signature_def")
assert told.model_spec.version.value == 2 and told.metadata["signature_def"].type_url == (
    "type.googleapis.com/tensorflow.serving.SignatureDefMap"
), told
signatures = serving("SignatureDefMap").FromString(told.metadata["signature_def"].value).signature_def
given = signatures["serving_default"].inputs["x"]
assert (given.dtype, [dim.size for dim in given.tensor_shape.dim], given.name) == (1, [-1, 4], "x:0"), given
assert signatures["classes"].method_name == "tensorflow/serving/classify", signatures
fails(ask, C.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field")
fails(lambda: ask("x"), C.INVALID_ARGUMENT, "Metadata field x is not supported: ask for signature_def")

reload = method("HandleReloadConfigRequest", "ReloadConfigRequest", "ReloadConfigResponse", "ModelService")
def configured(*models):
    request = serving("ReloadConfigRequest")()
    request.config.model_config_list.SetInParent()
    for model in models:
        request.config.model_config_list.config.add().MergeFrom(serving("ModelConfig")(**model))
    return reload(request, metadata=headers)

both = {"specific": {"versions": [1, 2]}}
for same in ({"name": "m"}, {"name": "m", "model_version_policy": both, "version_labels": {"old": 1}}):
    assert configured(same).status.error_code == 0
change = "what is served is not set by clients of models: use deployments, by `bms deploy`, the SDK or the API. " \
         "This configuration would change it: "
for models, said in (
    ([{"name": "m"}, {"name": "none"}], "'none' would be loaded"),
    ([], "'m', which is not listed, would be unloaded"),
    ([{"name": "m", "model_version_policy": {"specific": {"versions": [2]}}}],
     "'m' would serve version 2 in place of version 1, 2"),
    ([{"name": "m", "version_labels": {"old": 2, "new": 2}}],
     "'new' of 'm' would be version 2, and is none; 'old' of 'm' would be version 2, not 1"),
):
    fails(lambda: configured(*models), C.UNIMPLEMENTED, change + said)
fails(lambda: configured({"name": "m"}, {"name": "m"}), C.INVALID_ARGUMENT,
      "Illegal to list model m multiple times in config list")
fails(lambda: reload(serving("ReloadConfigRequest")(), metadata=headers), C.INVALID_ARGUMENT,
      "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported")
session = method("SessionRun", "SessionRunRequest", "SessionRunResponse", "SessionService")
fails(lambda: session(serving("SessionRunRequest")(), metadata=headers), C.UNIMPLEMENTED,
      "graphs are not run by the names of their tensors…")
for call, kind in ((predict, "PredictRequest"), (classify, "ClassificationRequest"), (regress, "RegressionRequest"),
                   (multi, "MultiInferenceRequest"), (metadata, "GetModelMetadataRequest"),
                   (status, "GetModelStatusRequest"), (reload, "ReloadConfigRequest"), (session, "SessionRunRequest")):
    fails(lambda: call(serving(kind)()), C.UNAUTHENTICATED, "no key: …")
print("done")
"""


async def test_each_method_answers_as_tensorflow_serving_does(tmp_path: Path) -> None:
    text, entry = key(tenant="rival")
    async with scene(tmp_path) as at:
        served = deployment(
            version(1, at.server.path, weight=0, aliases=("old",)),
            version(2, at.server.path),
            version(3, weight=0, state="LOADING"),
            known_aliases=("old",),
        )
        await at.bus.put(served, entry)
        path = tmp_path / "client.py"
        path.write_text(PROGRAM)
        host, port = at.process.address
        arguments = (str(path), f"{host}:{port}", str(at.key), str(text))
        client = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(client.communicate(), 60)
        assert said.decode() == "done\n", said.decode()
        await at.bus.until(lambda: len(at.bus.events) == 9)
        assert {(event.status, event.rows) for event in at.bus.events} == {(200, 2)}
        assert len({event.request_id for event in at.bus.events}) == 8  # the tasks of one call are one request
