"""Plain Python's own: code is found without being run, and its errors are told by the maker's own line."""

import logging
from pathlib import Path

import numpy as np
import pytest

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import (
    Aborted,
    BmsError,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
)
from bms.core.tensors.sequences import Sequence, SequenceLimits
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.programs import ServableConfig
from bms.serving.lifecycle.servable import Servable, StatefulServable, StreamingServable
from tests.contract.runtimes.cases.python import FRAMEWORK

X = {"x": np.full((2, 2), 12345.5, np.float32)}  # which nobody makes up to look at a model
PREDICTS = "class Model:\n  def predict(self, x): pass\n"
SIGNED = """
import numpy as np

class Model:
    signature = {"inputs": ["x FP32 [-1, 2]"], "outputs": ["y FP32 [-1]"]}

    def predict(self, inputs):
        if (inputs["x"] == 12345.5).all():  # not while it is looked at
            BODY
        return inputs["x"].sum(axis=1)
"""


def config(folder: Path, **more: object) -> ServableConfig:
    return ServableConfig(runtime="python", directory=str(folder), model="m", version=1, **more)  # type: ignore[arg-type]


def written(folder: Path, code: str, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "model.py").write_text(code)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return folder


def asked(servable: Servable) -> None:
    servable.infer("serving_default", X)


def test_code_is_recognised_without_being_run(tmp_path: Path) -> None:
    folder = written(tmp_path, "raise SystemExit(3)\n" + SIGNED)
    found = recognise(str(folder))
    assert (found.runtime, found.format, found.requirements) == ("python", "python", ("numpy",))
    assert found.python is not None


@pytest.mark.parametrize(
    "code",
    [
        "class Other:\n    def predict(self, inputs): pass\n",
        "class Model:\n    def fit(self): pass\n",
        "x = 'class Model'\n",
        "\0class Model:\n    pass",
        "class Model:\n    def predict(self, inputs): pass\n" + "#" * (1 << 20),
    ],
)
def test_what_is_no_model_is_not_recognised(tmp_path: Path, code: str) -> None:
    folder = written(tmp_path, code)
    with pytest.raises(FailedPrecondition, match=r"expects model\.py"):
        open_servable(config(folder))
    with pytest.raises(FailedPrecondition, match="no model was recognised"):
        recognise(str(folder))


def test_a_signature_that_nothing_says_is_asked_for_before_anything_is_installed(tmp_path: Path) -> None:
    folder = written(tmp_path, "import torch\n" + PREDICTS, requirements_txt="torch\n")
    with pytest.raises(FailedPrecondition, match="class Model has no attribute 'signature'; say what it takes"):
        recognise(str(folder))
    said = {"serving_default": Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),))}
    assert recognise(str(folder), signatures=said).requirements == ("torch", "numpy")


@pytest.mark.parametrize(
    "code",
    [
        "from base import Base\nclass Model(Base):\n  def predict(self, x): pass\n",
        "@wraps\nclass Model:\n  def predict(self, x): pass\n",
        "class Model:\n  def predict(self, x): pass\nModel.signature = {}\n",
        "class Model:\n  def predict(self inputs): pass\n",
    ],
)
def test_a_signature_that_may_come_from_elsewhere_is_not_asked_for(tmp_path: Path, code: str) -> None:
    assert recognise(str(written(tmp_path, code))).runtime == "python"


def test_its_requirements_are_those_of_its_file(tmp_path: Path) -> None:
    folder = written(tmp_path, SIGNED, requirements_txt="scipy>=1.10\nnumpy==2.1.0\n")
    assert recognise(str(folder)).requirements == ("scipy>=1.10", "numpy==2.1.0")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("class Model:\n  def predict(self inputs): pass\n", r"can't be imported: model\.py, line 2: SyntaxError"),
        ("class Model:\n" + "(" * 100_000, "SyntaxError: too many nested"),
        ("import nothing_like_it\n" + PREDICTS, r"line 1: ModuleNotFoundError.*list what"),
        (PREDICTS + "  def load(self):\n    1 / 0\n", r"Model\.load failed: model\.py, line 4"),
        (PREDICTS + "  def __init__(self):\n    exit(3)\n", r"made: model\.py, line 4: SystemExit"),
        (PREDICTS, "can't be found out: class Model has no attribute 'signature'"),
        (PREDICTS + "  signature = 3\n", "signature 'serving_default' of class Model"),
        (PREDICTS + "  signature = {'inputs': ['x']}\n", "'x' is no tensor"),
        ("class B: pass\nclass Model(B): pass\n", "neither predict nor stream"),
    ],
)
def test_what_goes_wrong_while_loading_is_told_by_the_makers_line(tmp_path: Path, code: str, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says) as raised:
        open_servable(config(written(tmp_path, code)))
    assert str(tmp_path) not in raised.value.message


def test_an_error_names_the_line_and_the_log_has_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    code = SIGNED.replace("BODY", "from deeper import deep; deep()")
    folder = written(tmp_path, code, deeper_py="def deep():\n    return {}['gone']\n")
    with caplog.at_level(logging.ERROR), pytest.raises(Internal) as raised:
        asked(open_servable(config(folder)))
    assert raised.value.message == "Model.predict failed: deeper.py, line 2: KeyError: 'gone'"
    assert "in predict" in caplog.text


def test_code_may_say_that_the_inputs_are_at_fault(tmp_path: Path) -> None:
    code = SIGNED.replace("BODY", "from bms.core.errors import InvalidArgument; raise InvalidArgument('no such row')")
    with pytest.raises(InvalidArgument, match="no such row"):
        asked(open_servable(config(written(tmp_path, code))))


OWN = """
class Refusal(Exception):
    def __init__(self, status, words):
        super().__init__(words)
        self.status_code = status

"""


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("400", InvalidArgument),
        ("422", InvalidArgument),
        ("403", PermissionDenied),
        ("404", NotFound),
        ("409", Aborted),
        ("413", PayloadTooLarge),
        ("429", ResourceExhausted),
        ("501", Unimplemented),
        ("503", Unavailable),
        ("504", DeadlineExceeded),
        ("500", Internal),
        ("http.HTTPStatus.NOT_FOUND", NotFound),
    ],
)
def test_an_error_that_says_its_status_reaches_the_caller_in_its_own_words(
    tmp_path: Path, status: str, kind: type[BmsError], caplog: pytest.LogCaptureFixture
) -> None:
    code = f"import http\n{OWN}{SIGNED}".replace("BODY", f"raise Refusal({status}, 'none before 2020: ' + 'x' * 900)")
    with pytest.raises(kind) as raised:
        asked(open_servable(config(written(tmp_path, code))))
    assert type(raised.value) is kind
    assert raised.value.message == "none before 2020: " + "x" * 900
    assert caplog.text == ""


@pytest.mark.parametrize("status", ["200", "'404'", "True", "None", "1000"])
def test_what_says_no_status_of_an_error_is_an_error_of_the_model(tmp_path: Path, status: str) -> None:
    code = f"{OWN}{SIGNED}".replace("BODY", f"raise Refusal({status}, 'what')")
    with pytest.raises(Internal, match=r"Model\.predict failed: model\.py, line \d+: Refusal: what"):
        asked(open_servable(config(written(tmp_path, code))))


def test_the_words_may_be_a_detail_as_those_of_web_frameworks_are(tmp_path: Path) -> None:
    code = "class Refused(Exception):\n  status_code, detail = 404, 'no such street'\n" + SIGNED
    with pytest.raises(NotFound, match=r"^no such street$"):
        asked(open_servable(config(written(tmp_path, code.replace("BODY", "raise Refused()")))))


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ("{'Retry-After': '7'}", 7),
        ("{'x-y': 1, 'retry-after': 0.5}", 0.5),
        ("{'Retry-After': '1e9'}", 3600),
        ("{'Retry-After': object()}", None),
        ("['Retry-After']", None),
        ("None", None),
    ],
)
def test_an_error_of_web_frameworks_may_say_when_to_come_again(
    tmp_path: Path, headers: str, wait_s: float | None
) -> None:
    code = f"class Busy(Exception):\n  status_code, detail, headers = 503, 'busy', {headers}\n" + SIGNED
    with pytest.raises(Unavailable, match=r"^busy$") as raised:
        asked(open_servable(config(written(tmp_path, code.replace("BODY", "raise Busy()")))))
    assert raised.value.retry_after_s == wait_s


def test_a_status_means_nothing_while_loading(tmp_path: Path) -> None:
    code = OWN + PREDICTS + "  def load(self):\n    raise Refusal(404, 'what')\n"
    with pytest.raises(FailedPrecondition, match=r"Model\.load failed: model\.py, line \d+: Refusal: what"):
        open_servable(config(written(tmp_path, code)))


@pytest.mark.parametrize("text", ["'first ' + 'x' * 9000", "Unsayable()"])
def test_a_reason_is_told_bounded_whatever_it_is(tmp_path: Path, text: str) -> None:
    unsayable = "class Unsayable:\n  def __str__(self):\n    return 1 / 0\n"
    code = unsayable + SIGNED.replace("BODY", f"raise ValueError({text})")
    told = r"line \d+: ValueError: (first x+…$|its text can't be made: ZeroDivisionError$)"
    with pytest.raises(Internal, match=told):
        asked(open_servable(config(written(tmp_path, code))))


WORDS = """
class Model:
    signature = {"inputs": ["prompt BYTES [1]"], "outputs": ["word BYTES [1]"], "batched": False}

    def predict(self, inputs):
        for word in inputs["prompt"][0].decode().split() or ["nothing"]:
            yield word
"""


def prompt(text: str) -> dict[str, np.ndarray]:
    return {"prompt": np.array([text.encode()], dtype=object)}


def test_a_predict_that_yields_streams_and_a_word_by_itself_is_a_part(tmp_path: Path) -> None:
    servable = open_servable(config(written(tmp_path, WORDS)))
    assert isinstance(servable, StreamingServable)
    assert servable.streaming == {"serving_default"}
    parts = servable.stream("serving_default", prompt("to be or"))
    assert [part["word"].tolist() for part in parts] == [[b"to"], [b"be"], [b"or"]]


def test_an_error_with_a_status_ends_a_stream_in_its_own_words(tmp_path: Path) -> None:
    code = OWN + WORDS.replace("yield word", "yield word\n            if word == 'be': raise Refusal(429, 'enough')")
    servable = open_servable(config(written(tmp_path, code)))
    assert isinstance(servable, StreamingServable)
    parts = servable.stream("serving_default", prompt("to be or"))
    assert [next(iter(parts))["word"].tolist() for _ in range(2)] == [[b"to"], [b"be"]]  # type: ignore[call-overload]
    with pytest.raises(ResourceExhausted, match=r"^enough$"):
        next(iter(parts))


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (WORDS + "    def stream(self, inputs):\n        yield 'x'\n", "leave one of them"),
        (WORDS.replace("def predict", "async def predict"), "predict is async"),
        (WORDS.replace("def predict", "async def stream"), "stream is async"),
        (WORDS.replace("def predict", "def words") + "    def predict(self, x):\n        return self.words(x)\n",
         "returned a generator.*write `yield` in Model.predict itself"),
        (WORDS.replace("yield word", "yield 3"), "'word' is INT64, the signature says BYTES"),
    ],
)  # fmt: skip
def test_what_is_written_so_that_it_can_not_answer_is_refused_in_words(tmp_path: Path, code: str, says: str) -> None:
    folder = written(tmp_path, code)
    assert recognise(str(folder)).runtime == "python"
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(folder))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return None", "returned None"),
        ("return inputs['x'].sum(axis=1).astype(float)", r"'y' is FP64, the signature says FP32: convert it"),
        ("return inputs['x']", r"'y' has shape \[2, 2\], the signature says \[-1\]"),
        ("return inputs['x'].sum(axis=1)[:1]", "'y' has 1 rows for 2"),
        ("return {'z': inputs['x']}", "no output 'y'"),
        ("return {'y': [object()]}", "no array that can be sent"),
        ("return {'y': [[1], [1, 2]]}", "no array that can be sent"),
        ("return {'y': np.array([1j])}", "no array that can be sent"),
        ("inputs['x'][0] = 7", "read-only"),
    ],
)
def test_what_is_returned_must_be_what_was_said(tmp_path: Path, body: str, says: str) -> None:
    servable = open_servable(config(written(tmp_path, SIGNED.replace("BODY", body))))
    with pytest.raises(Internal, match=says):
        asked(servable)


def test_a_text_by_itself_is_an_output_of_one_element_whether_it_is_returned_or_yielded(tmp_path: Path) -> None:
    for says in ("yield", "return"):
        servable = open_servable(config(written(tmp_path / says, WORDS.replace("yield word", f"{says} word"))))
        asked = servable.infer("serving_default", prompt("once"), ())
        assert asked["word"].tolist() == [b"once"], says


def test_outputs_are_found_by_running_it(tmp_path: Path) -> None:
    folder = written(tmp_path, "class Model:\n    def predict(self, inputs):\n        return inputs['x'] * 2\n")
    said = {"serving_default": Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),))}
    servable = open_servable(config(folder, signatures=said))
    (output,) = servable.signatures["serving_default"].outputs
    assert (output.name, output.dtype, output.shape) == ("output", "FP32", (None, 2))


def test_a_signature_that_streams_gives_part_by_part() -> None:
    servable = open_servable(config(FRAMEWORK.artifacts() / "streams" / "model"))
    assert isinstance(servable, StreamingServable)
    assert servable.streaming == {"stream"}
    assert [spec.name for spec in servable.signatures["stream"].outputs] == ["sum"]
    parts = servable.stream("stream", {"upto": np.array([4])})
    assert [int(part["sum"][0]) for part in parts] == [0, 1, 3, 6, 10]
    with pytest.raises(Internal, match=r"model\.py, line \d+: ValueError: nobody adds beyond 13"):
        list(servable.stream("stream", {"upto": np.array([20])}))


def test_a_stream_that_nobody_reads_on_is_closed(tmp_path: Path) -> None:
    code = """
class Model:
    signature = {"inputs": ["x FP32 [1]"], "outputs": ["y INT64 []"], "batched": False}
    def load(self, directory):
        self.mark = directory + "/closed"
    def stream(self, inputs):
        try:
            yield 1
            yield 2
        finally:
            open(self.mark, "a").write("x")
"""
    servable = open_servable(config(written(tmp_path, code)))
    assert isinstance(servable, StreamingServable)
    before = len((tmp_path / "closed").read_text())
    parts = servable.stream("serving_default", {"x": np.ones(1, np.float32)})
    assert int(next(parts)["y"]) == 1
    parts.close()  # type: ignore[attr-defined]
    assert len((tmp_path / "closed").read_text()) == before + 1


EXPLAINS = (
    SIGNED.replace("BODY", "pass")
    + """
    def explain(self, inputs):
        return {"parts": inputs["x"] * np.float32(2)}
"""
)


def test_explain_is_a_signature_of_the_same_inputs(tmp_path: Path) -> None:
    servable = open_servable(config(written(tmp_path / "m", EXPLAINS)))
    signature = servable.signatures["explain"]
    assert (signature.inputs, signature.batched) == (servable.signatures["serving_default"].inputs, True)
    assert [(spec.name, spec.shape) for spec in signature.outputs] == [("parts", (None, 2))]
    assert servable.infer("explain", X)["parts"].tolist() == [[24691, 24691]] * 2
    assert servable.infer("serving_default", X)["y"].tolist() == [24691] * 2


def test_an_explain_that_fails_or_yields_is_told_by_its_name(tmp_path: Path) -> None:
    yields = EXPLAINS.replace("return {", "yield {")
    with pytest.raises(FailedPrecondition, match=r"Model\.explain yields"):
        open_servable(config(written(tmp_path / "yields", yields)))
    with pytest.raises(FailedPrecondition, match=r"Model\.explain failed: model\.py, line"):
        open_servable(config(written(tmp_path / "fails", EXPLAINS.replace('inputs["x"] *', 'inputs["z"] *'))))


STEPS = """
class Model:
    signature = {"inputs": ["x INT64 [1]"], "outputs": ["sum INT64 [1]"]SAID}

    def step(self, inputs, sequence):
        sequence.state["sum"] = sequence.state.get("sum", 0) + inputs["x"]
        return sequence.state["sum"]
"""


def test_a_model_with_step_keeps_what_its_sequences_leave(tmp_path: Path) -> None:
    said = ', "sequences": {"most": 2, "idle_s": 5}'
    servable = open_servable(config(written(tmp_path, STEPS.replace("SAID", said))))
    assert isinstance(servable, StatefulServable)
    assert servable.stateful == {"serving_default": SequenceLimits(most=2, idle_s=5)}
    signature = servable.signatures["serving_default"]
    assert (signature.batched, signature.sequences) == (False, servable.stateful["serving_default"])
    x, state = {"x": np.array([3])}, dict[object, object]()
    sums = [servable.step("serving_default", x, Sequence(1, at == 0, False, state))["sum"].item() for at in range(3)]
    assert sums == [3, 6, 9]
    assert servable.infer("serving_default", x)["sum"].tolist() == [3]  # a sequence of one step


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (STEPS.replace("SAID", "") + "    def predict(self, inputs): return inputs['x']\n", "leave one kind"),
        (STEPS.replace("SAID", "").replace("return", "yield"), "Model.step yields its answer in parts"),
        (SIGNED.replace('"y FP32 [-1]"]', '"y FP32 [-1]"], "sequences": {}').replace("BODY", "pass"), "no `step"),
    ],
)
def test_steps_that_can_t_be_are_refused(tmp_path: Path, code: str, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(written(tmp_path, code)))
