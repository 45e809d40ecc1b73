"""TensorFlow Serving's messages over gRPC: PredictRequests by the way that remembers and the way that does not, and
examples."""

from random import Random

import numpy as np

from bms.core.errors import BmsError
from bms.core.tensors.request import InferResponse
from bms.core.tensors.tensor import Tensor
from bms.protocols.protobuf.pool import message, parse
from bms.protocols.protobuf.wire import field, varint_field
from bms.protocols.tfserving.grpc.examples import decode_examples, examples_of, read_examples
from bms.protocols.tfserving.grpc.model_spec import read_spec
from bms.protocols.tfserving.grpc.predict import decode_predict, encode_predict
from bms.protocols.tfserving.grpc.predict_outline import PredictMessage, PredictOutline, read_predict
from bms.protocols.tfserving.grpc.results import classification_result, regression_result
from bms.web.inference.grpc.status import error_only
from fuzzing.dialects import SIGNATURES, spoken
from fuzzing.grpc import bent
from fuzzing.target import Decoder, same

_Request = message("tensorflow.serving.PredictRequest")
_Response = message("tensorflow.serving.PredictResponse")
_Example = message("tensorflow.Example")
_FLOAT, _STRING, _INT64, _BOOL, _HALF = 1, 7, 9, 10, 19


def decoders() -> list[Decoder]:
    return [
        Decoder("tfs predict", _predict, [_raw(), _packed(), _several(), _filled()], make=_made),
        Decoder("tfs examples", _examples, [_listed("classes"), _listed("value"), _shared()], make=_made_examples),
    ]


def _predict(data: bytes) -> bool:
    """Read with what is remembered, twice, and whole: the same request, or a refusal from each."""
    try:
        parsed = parse(_Request, data)
        expected = _understood(PredictMessage(PredictOutline(parsed), [], data, parsed))
    except BmsError:
        expected = "refused"
    for _ in range(2):
        for given in (data, memoryview(data)):
            try:
                found = _understood(read_predict(given))
            except BmsError as error:
                error_only(b"id", error)
                found = "refused"
            same(found, expected, "a request that may be remembered, and the same read whole")
    return expected != "refused"


def _understood(given: PredictMessage) -> object:
    request, rows = decode_predict(given, SIGNATURES)
    outputs = [Tensor(f"y{index}", tensor.array) for index, tensor in enumerate(request.inputs)]
    answer = encode_predict(InferResponse(model="m", version=1, outputs=outputs), request.signature or "")
    assert len(parse(_Response, answer).outputs) == len(outputs)
    return (
        given.outline.meant,
        {tensor.name: tensor for tensor in request.inputs}.keys(),
        _sorted(spoken(request)),
        rows,
    )


def _sorted(said: object) -> object:
    """Inputs come in an order of their own."""
    return sorted(map(str, said)) if isinstance(said, tuple | list) else said


def _examples(data: bytes) -> bool:
    asked = read_examples(data)
    meant, rows = read_spec(asked), examples_of(asked)
    verb = "regress" if meant.signature == "value" else "classify"
    decoded = decode_examples(rows, meant.name, meant.signature, SIGNATURES, verb)  # type: ignore[arg-type]
    assert decoded.rows == len(rows)
    outputs = [Tensor("scores", np.zeros((len(rows), 3), np.float32)), Tensor("value", np.zeros((len(rows), 1)))]
    signature = SIGNATURES[decoded.request.signature or ""]
    response = InferResponse(model="m", version=1, outputs=outputs[verb == "regress" :])
    if verb == "regress":
        regression_result(response, decoded)
    else:
        classification_result(response, decoded, signature)
    return True


def _spec(signature: str = "") -> bytes:
    return field(1, field(1, b"m") + (field(3, signature.encode()) if signature else b""))


def _tensor(name: str, dtype: int, shape: tuple[int, ...], values: bytes) -> bytes:
    dims = b"".join(field(2, varint_field(1, size)) for size in shape)
    return field(2, field(1, name.encode()) + field(2, varint_field(1, dtype) + field(2, dims) + values))


def _raw() -> bytes:
    return _spec() + _tensor("x", _FLOAT, (1, 4), field(4, np.arange(4, dtype="<f4").tobytes())) + field(3, b"y")


def _packed() -> bytes:
    return _spec() + _tensor("x", _FLOAT, (1, 4), field(5, np.arange(4, dtype="<f4").tobytes()))


def _filled() -> bytes:
    return _spec("serving_default") + _tensor("x", _HALF, (2, 4), field(13, b"\1"))


def _several() -> bytes:
    number = _tensor("number", _INT64, (1,), field(10, b"\7"))
    text = _tensor("text", _STRING, (1, 2), field(8, b"one") + field(8, b""))
    return _spec("several") + number + text + _tensor("flag", _BOOL, (1, 1), field(11, b"\1"))


def _example(*numbers: float) -> bytes:
    example = _Example()
    example.features.feature["features"].float_list.value.extend(numbers)
    return bytes(example.SerializeToString())


def _listed(signature: str) -> bytes:
    return _spec(signature) + field(2, field(1, field(1, _example(1, 2)) + field(1, _example(3, 4))))


def _shared() -> bytes:
    return _spec("classes") + field(2, field(2, field(1, b"") + field(2, _example(1, 2))))


def _made(random: Random) -> bytes:
    """A good request's fields in another order or with other contents; or those of one of its tensors."""
    request = random.choice((_raw(), _packed(), _several(), _filled()))
    if random.random() < 0.5:
        return bent(random, request)
    values = random.choice((field(4, bytes(16)), field(5, bytes(16)), field(5, bytes(4)), field(7, b"\1\2\3\4")))
    dims = b"".join(field(2, varint_field(1, random.choice((0, 1, 2, 4, 1 << 40)))) for _ in range(2))
    tensor = bent(random, field(2, dims) + values)
    dtype = varint_field(1, random.choice((1, 1, 1, 3, 7, 19, 14, 8, 99)))
    return _spec() + field(2, field(1, b"x") + field(2, random.choice((dtype + tensor, tensor + dtype))))


def _made_examples(random: Random) -> bytes:
    if random.random() < 0.5:
        return bent(random, random.choice((_listed("classes"), _listed("value"), _shared())))
    examples = b"".join(field(1, bent(random, _example(1, 2))) for _ in range(random.randrange(3)))
    return _spec("classes") + field(2, field(random.choice((1, 2)), examples))
