"""From data to a gated version, step by step: each end of a job has its one consequence."""

import asyncio
from typing import Any

import pytest
from msgspec import convert, structs

from bms.adapters.sql.database.engine import Database
from bms.control.datasets.nouns import ImportRequest, Split
from bms.control.jobs.nouns import Job, JobState
from bms.control.models.aliases import AliasService
from bms.control.models.nouns import Gate, GateResult, Version
from bms.control.platform.trees import get_tree
from bms.control.training.needs import check_data
from bms.control.training.nouns import Training
from bms.core.errors import FailedPrecondition, Internal, InvalidArgument, NotFound, Unavailable
from bms.core.pages import PageRequest
from tests.worlds.features import ANN, CARD, IMPORTED, RECOGNISED, REPORT, VERIFIED, Played
from tests.worlds.jobs import put_files

TRAINING = Training(recipe="image-mlp", datasets={"data": "digits"}, model="digits", parameters={"epochs": 2})
GATE = Gate(metric="accuracy", dataset="digits", minimum=0.9)


@pytest.fixture
async def played(sqlite: Database) -> Played:
    return await Played(sqlite).start()


async def _versions(played: Played) -> list[Version]:
    page = await played.models.versions("acme", "digits", PageRequest())
    return sorted(page.items, key=lambda version: version.number)


async def _trained(played: Played, card: object = CARD) -> Version:
    """Version 1, ready."""
    await played.digits()
    job = await played.training.submit(ANN, TRAINING)
    await played.end(job, output=played.made(card), metrics={"loss": 0.1, "grown": "NaN"})
    (recognise,) = await played.of_kind("verify")
    assert recognise.spec.environment.requirements == (), "nothing of the model runs yet"
    await played.end(recognise, report=RECOGNISED)
    (verify,) = [job for job in await played.of_kind("verify") if job.id != recognise.id]
    assert verify.spec.environment.requirements == ("skops", "scikit-learn")
    await played.end(verify, report=VERIFIED)
    return (await _versions(played))[0]


async def test_an_import_makes_a_ready_version_with_the_environment_it_needs(played: Played) -> None:
    version = await played.digits()
    (job,) = await played.of_kind("import")
    assert any(requirement.startswith("scikit-learn") for requirement in job.spec.environment.requirements)
    assert (version.state, version.number, version.job) == ("ready", 1, job.id)
    assert version.splits["train"].files == ("train-00000-of-00001.tfrecord",)


async def test_a_failed_import_says_why(played: Played) -> None:
    await played.digits()
    request = (await played.datasets.version("acme", "digits", 1)).request
    second = await played.datasets.start_import("acme", "ann", "digits", request)
    await played.react()
    (job,) = [job for job in await played.of_kind("import") if job.spec.subject == second.id]
    await played.end(job, "failed", error="the source has no rows")
    failed = await played.datasets.version_by_id("acme", second.id)
    assert (failed.state, failed.reason) == ("failed", "the source has no rows")
    assert (await played.datasets.resolve("acme", "digits")).number == 1


async def test_a_training_names_every_byte_it_will_read(played: Played) -> None:
    data = await played.digits()
    job = await played.training.submit(ANN, TRAINING)
    assert job.spec.code is not None
    code = await get_tree(played.objects, "acme", job.spec.code)
    assert [file.path for file in code.files] == ["train.py"]
    assert [(entry.name, entry.tree, entry.reference) for entry in job.spec.inputs] == [("data", data.tree, "digits@1")]
    assert (job.spec.parameters["epochs"], job.spec.parameters["height"]) == (2, 8), "given over the recipe's own"


@pytest.mark.parametrize(
    ("training", "error", "words"),
    [
        (Training(), InvalidArgument, "exactly one"),
        (Training(recipe="image-mlp", code="sha256:" + "0" * 64), InvalidArgument, "exactly one"),
        (Training(recipe="nothing"), NotFound, "image-mlp"),
        (Training(recipe="image-mlp", parameters={"epoch": 1}), InvalidArgument, "no parameter epoch"),
        (Training(recipe="image-mlp", datasets={"data": "nothing"}), NotFound, "nothing"),
        (Training(recipe="image-mlp"), InvalidArgument, "needs a data set as its input 'data'"),
        (Training(recipe="image-mlp", model="Not A Name"), InvalidArgument, "use 1 to 63 letters"),
        (Training(recipe="image-mlp", model="m", convert=("tflite",)), InvalidArgument, "tflite"),
        (Training(code="sha256:" + "0" * 64), InvalidArgument, "entry"),
        (Training(code="sha256:" + "0" * 64, entry="a.py"), NotFound, "sha256"),
    ],
)
async def test_what_cannot_be_trained_is_refused(
    played: Played, training: Training, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await played.training.submit(ANN, training)
    assert await played.of_kind("train") == []


async def test_a_data_set_that_a_recipe_can_do_nothing_with_is_refused_before_a_job_is_made(played: Played) -> None:
    await played.digits()
    digits = await played.datasets.version("acme", "digits", 1)
    (recipe,) = [one for one in played.training.recipes() if one.name == "image-mlp"]
    needed = recipe.needs["data"]
    even = {"train": {"cat": 3, "dog": 2}}
    rows = {"train": Split(rows=5, files=()), "validation": Split(rows=1, files=())}
    fine = structs.replace(digits, labels=("cat", "dog"), splits=rows)
    check_data(recipe.name, needed, fine, even)
    for version, balance, words in (
        (
            structs.replace(fine, splits={"train": rows["train"]}),
            even,
            r"no rows in its split 'validation', .* \(train 5\)",
        ),
        (structs.replace(fine, labels=()), even, "has no classes, and recipe 'image-mlp' needs 2 or more"),
        (structs.replace(fine, labels=("cat",)), even, "has one class, 'cat', and .*: there is nothing to tell apart"),
        (fine, {"train": {"cat": 1, "dog": 0}}, "no row of class 'dog' in its split 'train'"),
    ):
        with pytest.raises(FailedPrecondition, match=words):
            check_data(recipe.name, needed, version, balance)
    two = await played.datasets.start_import("acme", "ann", "two", digits.request)
    await played.react()
    (job,) = [job for job in await played.of_kind("import") if job.spec.subject == two.id]
    splits = {"train": {"rows": 2, "files": ["train-00000-of-00001.tfrecord"]}, "validation": {"rows": 0, "files": []}}
    await played.end(job, output=IMPORTED, report={"splits": splits, "labels": ["cat", "dog"]})
    with pytest.raises(FailedPrecondition, match=r"two@1 has no rows in its split 'validation'"):
        await played.training.submit(ANN, structs.replace(TRAINING, datasets={"data": "two"}))
    spoilt = Training(recipe="image-mlp", datasets={"data": "digits", "more": "digits"})
    with pytest.raises(InvalidArgument, match="has no input 'more': it reads data"):
        await played.training.submit(ANN, spoilt)
    assert await played.of_kind("train") == []


async def test_code_of_ones_own_needs_its_entry_among_its_files(played: Played) -> None:
    code = await put_files(played.objects, "acme", {"main.py": b"pass"})
    with pytest.raises(InvalidArgument, match=r"'other\.py' is not a file"):
        await played.training.submit(ANN, Training(code=code, entry="other.py"))
    job = await played.training.submit(ANN, Training(code=code, entry="main.py"))
    assert (job.spec.then, job.name) == ({}, "train")


async def test_a_trained_model_becomes_a_verified_version_with_its_lineage(played: Played) -> None:
    version = await _trained(played)
    (job,) = await played.of_kind("train")
    assert (version.state, version.number, version.runtime) == ("ready", 1, "sklearn")
    assert (version.lineage.job, version.lineage.datasets) == (job.id, ("digits@1",))
    assert version.metrics == {"loss": 0.1, "grown": "NaN"}
    assert version.signatures["serving_default"].labels == tuple(str(digit) for digit in range(10))
    tree = await get_tree(played.objects, "acme", version.artifact)
    assert [file.path for file in tree.files] == ["model.skops"], "only what lay in output/model"


async def test_a_version_whose_verification_fails_is_rejected_with_the_reason(played: Played) -> None:
    await played.digits()
    job = await played.training.submit(ANN, TRAINING)
    await played.end(job, output=played.made())
    (verify,) = await played.of_kind("verify")
    await played.end(verify, "failed", error="model.skops is not a skops file")
    (version,) = await _versions(played)
    assert (version.state, version.reason) == ("rejected", "model.skops is not a skops file")
    assert await played.of_kind("convert") == []


@pytest.mark.parametrize(
    "output",
    [
        None,
        {"notes.txt": b"x"},
        {"version.json": b"{"},
        {"version.json": b'{"runtime":"\xff"}', "model/m.skops": b"x"},
        {"version.json": b'{"runtime":"sklearn"}'},
    ],
)
async def test_a_training_that_left_no_model_or_a_broken_card_registers_nothing(
    played: Played, output: dict[str, bytes] | None
) -> None:
    await played.digits()
    job = await played.training.submit(ANN, TRAINING)
    await played.end(job, output=output)
    told = (await played.jobs.get("acme", job.id)).message
    assert told.startswith("no version was made of it: ")
    assert "output" in told
    with pytest.raises(NotFound):
        await played.models.model("acme", "digits")


async def test_a_model_without_a_card_is_a_version_of_which_everything_is_found_out(played: Played) -> None:
    await played.digits()
    job = await played.training.submit(ANN, TRAINING)
    await played.end(job, output={"model/m.skops": b"x"})
    (version,) = await _versions(played)
    assert (version.state, version.runtime, version.lineage.job) == ("verifying", "", job.id)


async def test_a_ready_version_is_converted_as_its_training_asked_and_the_child_knows_its_parent(
    played: Played,
) -> None:
    parent = await _trained(played)
    (convert,) = await played.of_kind("convert")
    assert convert.spec.subject == parent.id
    assert {"skops", "skl2onnx>=1.20,<2"} <= set(convert.spec.environment.requirements)
    assert [entry.reference for entry in convert.spec.inputs] == ["digits@1", "digits@1"]
    made = {"model/model.onnx": b"o", "version.json": b'{"runtime":"onnx"}'}
    await played.end(convert, output=made)
    _, child = await _versions(played)
    assert (child.number, child.runtime, child.lineage.parent, child.lineage.relation) == (2, "onnx", 1, "converted")

    assert (await _versions(played))[0].metadata == {"conversion to onnx": f"version 2, made by job {convert.id}"}


async def test_a_refused_child_is_no_version_and_its_parent_says_why(played: Played) -> None:
    await _trained(played)
    (convert,) = await played.of_kind("convert")
    said = "output 'label', row 3 of train: the parent answers 'a', the converted model 'b'\x1b[31m" + "x" * 5000
    await played.end(convert, "failed", error=said)
    (parent,) = await _versions(played)
    note = parent.metadata["conversion to onnx"]
    assert note.startswith(
        f"none: job {convert.id} failed: output 'label', row 3 of train: the parent answers 'a', the"
    )
    assert len(note) == 4000
    assert "\x1b" not in note
    assert parent.state == "ready", "and what `bms deploy` takes"
    again = await played.conversion.convert("acme", "ann", "digits", 1, "onnx", tolerance=1e-3)
    await played.end(again, output={"model/model.onnx": b"o", "version.json": b'{"runtime":"onnx"}'})
    parent, child = await _versions(played)
    assert parent.metadata == {"conversion to onnx": f"version {child.number}, made by job {again.id}"}
    revision = parent.revision
    await played.react_again()
    assert (await _versions(played))[0].revision == revision + 2, "its notes are said again, and are the same at last"


async def test_a_conversion_that_could_not_begin_is_told_of_on_the_parent(played: Played) -> None:
    code = await put_files(played.objects, "acme", {"main.py": b"pass"})
    own = Training(code=code, entry="main.py", model="digits", convert=("onnx",))
    job = await played.training.submit(ANN, own)
    await played.end(job, output=played.made())
    (recognise,) = await played.of_kind("verify")
    await played.end(recognise, report=RECOGNISED)
    (verify,) = [job for job in await played.of_kind("verify") if job.id != recognise.id]
    await played.end(verify, report=VERIFIED)
    (version,) = await _versions(played)
    assert await played.of_kind("convert") == []
    note = version.metadata["conversion to onnx"]
    assert note.startswith("not started: version 1 of 'digits' names no data set: its child can't be proved equal")
    assert "`bms job train --dataset`" in note


async def test_what_verification_did_not_read_is_a_note_of_the_version(played: Played) -> None:
    code = await put_files(played.objects, "acme", {"main.py": b"pass"})
    own = Training(code=code, entry="main.py", model="digits", convert=("onnx",))
    job = await played.training.submit(ANN, own)
    await played.end(job, output=played.made())
    (recognise,) = await played.of_kind("verify")
    await played.end(recognise, report=RECOGNISED)
    (verify,) = [job for job in await played.of_kind("verify") if job.id != recognise.id]
    keys = ["tokenizer_config.json: fold_umlauts", "tokenizer_config.json: \x1b[31mmore"]
    await played.end(verify, report={"verified": {**REPORT, "unread": keys}})
    (version,) = await _versions(played)
    assert version.state == "ready"
    assert version.metadata["not read"] == f"{keys[0]}, tokenizer_config.json: \ufffd[31mmore"


async def test_every_gate_is_measured_and_kept(played: Played) -> None:
    await played.models.create(ANN, "digits", gates=(GATE,))
    version = await _trained(played)
    (evaluate,) = await played.of_kind("evaluate")
    assert evaluate.spec.parameters["split"] == "validation"
    assert any(name.startswith("pillow") for name in evaluate.spec.environment.requirements)
    said: dict[str, object] = {"joined": ["classes by name: '0', '1'", "line\nend" + "x" * 1000]}
    await played.end(evaluate, metrics={"accuracy": 0.95, "log_loss": 1.0}, report=said)
    (result,) = (await played.models.version("acme", "digits", 1)).gate_results
    assert (result.value, result.passed, result.dataset, result.job) == (0.95, True, "digits@1", evaluate.id)
    assert result.note.startswith("classes by name: '0', '1'; line endxxx")
    assert len(result.note) == 500
    (again,) = (await played.gates.evaluate("acme", "ann", "digits", version.number)).items
    await played.end(again, metrics={"accuracy": 0.5})
    (result,) = (await played.models.version("acme", "digits", 1)).gate_results
    assert (result.value, result.passed) == (0.5, False)


async def test_what_is_being_measured_is_not_begun_once_more(played: Played) -> None:
    f1 = Gate(metric="f1", dataset="digits", minimum=0.5)
    await played.models.create(ANN, "digits", gates=(GATE, f1))
    await _trained(played)
    first, second = await played.of_kind("evaluate")
    found = await played.gates.evaluate("acme", "ann", "digits", 1)
    assert {job.id for job in found.items} == set(found.running) == {first.id, second.id}
    assert len(await played.of_kind("evaluate")) == 2
    for job in (first, second):
        await played.end(job, metrics={"accuracy": 0.95, "f1": 0.95})
    asked = [played.gates.evaluate("acme", "ann", "digits", 1) for _ in range(3)]
    begun = await asyncio.gather(*asked)
    assert len({tuple(job.id for job in one.items) for one in begun}) == 1
    assert len(await played.of_kind("evaluate")) == 4
    (again,) = [job for job in begun[0].items if job.name == "evaluate-f1"]
    await played.jobs.cancel("acme", "ann", again.id)
    anew = await played.gates.evaluate("acme", "ann", "digits", 1)
    assert [job.id in anew.running for job in anew.items] == [True, False], "who is being cancelled measures nothing"
    assert len(await played.of_kind("evaluate")) == 5


async def test_everything_handled_twice_has_one_effect(played: Played) -> None:
    await played.models.create(ANN, "digits", gates=(GATE,))
    await _trained(played)
    (evaluate,) = await played.of_kind("evaluate")
    await played.end(evaluate, metrics={"accuracy": 0.95})
    before = await _versions(played)
    jobs = [len(await played.of_kind(kind)) for kind in ("import", "train", "verify", "convert", "evaluate")]
    await played.react_again()
    assert jobs == [1, 1, 2, 1, 1]
    assert [len(await played.of_kind(kind)) for kind in ("import", "train", "verify", "convert", "evaluate")] == jobs
    assert [(version.state, len(version.gate_results)) for version in await _versions(played)] == [
        (version.state, len(version.gate_results)) for version in before
    ]


async def test_conversion_by_hand_says_what_is_missing(played: Played) -> None:
    await _trained(played)
    with pytest.raises(InvalidArgument, match="'tflite'"):
        await played.conversion.convert("acme", "ann", "digits", 1, "tflite")
    with pytest.raises(InvalidArgument, match="tolerance"):
        await played.conversion.convert("acme", "ann", "digits", 1, "onnx", tolerance=5.0)
    with pytest.raises(FailedPrecondition, match="no gates"):
        await played.gates.evaluate("acme", "ann", "digits", 1)
    job = await played.conversion.convert("acme", "ann", "digits", 1, "onnx", tolerance=1e-3)
    assert job.spec.parameters["tolerance"] == 1e-3
    assert len(await played.of_kind("convert")) == 2


async def _standings(played: Played) -> list[tuple[str, str]]:
    return [(one.state, one.why) for one in await played.models.gates("acme", "digits", 1)]


@pytest.mark.parametrize(
    ("state", "said", "reason"),
    [
        ("succeeded", {"metrics": {"rmse": 1.0}, "report": {"kind": "regression"}}, "what the model answers is regres"),
        ("succeeded", {"metrics": {"f1": 1.0}, "report": {"undefined": {"accuracy": "no row"}}}, "'accuracy': no row"),
        ("succeeded", {"metrics": {"accuracy": "NaN"}}, "measured NaN, which is no number"),
        ("succeeded", {"metrics": {"f1": 1.0, "loss": 1.0}}, "measured f1"),
        (
            "failed",
            {"error": "the data set lacks 'x'\x1b[2J" + "y" * 5000},
            "has failed: the data set lacks 'x'\ufffd[",
        ),
        ("cancelled", {}, "was cancelled"),
        ("lost", {"error": "its machine is gone"}, "was lost: its machine is gone"),
    ],
)
async def test_a_gate_that_could_not_be_measured_says_why_on_the_version(
    played: Played, state: JobState, said: dict[str, Any], reason: str
) -> None:
    await played.models.create(ANN, "digits", gates=(GATE,))
    await _trained(played)
    assert await _standings(played) == [
        ("measuring", "accuracy on digits (validation) is being measured, at least 0.9 is asked")
    ]
    (evaluate,) = await played.of_kind("evaluate")
    await played.end(evaluate, state, **said)
    ((now, why),) = await _standings(played)
    assert now == "unmeasurable"
    assert why.startswith("accuracy on digits (validation) can't be measured, at least 0.9 is asked: ")
    assert reason in why
    assert len(why) < 1100
    (result,) = (await played.models.version("acme", "digits", 1)).gate_results
    assert (result.value, result.passed, result.job, result.dataset) == (None, False, evaluate.id, "digits@1")
    told = [event for _, event in await played.log.since(0) if event.name == "gate.unmeasurable"]
    assert [reason[:40] in str(event.details["reason"]) for event in told] == [True]
    (again,) = (await played.gates.evaluate("acme", "ann", "digits", 1)).items
    assert [one for one, _ in await _standings(played)] == ["measuring"]
    await played.end(again, metrics={"accuracy": 0.95})
    assert await _standings(played) == [("passed", "")]


async def test_one_gate_that_cannot_be_measured_keeps_no_other_from_it(played: Played) -> None:
    absent = Gate(metric="accuracy", dataset="nothere", minimum=0.5)
    split = Gate(metric="accuracy", dataset="digits", split="exam", minimum=0.5)
    await played.models.create(ANN, "digits", gates=(absent, split, GATE))
    await _trained(played)
    (evaluate,) = await played.of_kind("evaluate")
    await played.end(evaluate, metrics={"accuracy": 0.95})
    (first, why), (second, words), third = await _standings(played)
    assert (first, second, third) == ("unmeasurable", "unmeasurable", ("passed", ""))
    assert "no data set 'nothere'" in why
    assert "digits@1 has no split 'exam', it has train, validation" in words
    with pytest.raises(FailedPrecondition, match=r"nothere.*; .*exam"):
        await AliasService(played.models_store, played.clock).move(ANN, "digits", "production", 1)
    before = await played.models.version("acme", "digits", 1)
    played.clock.advance(1)
    await played.react_again()
    assert (await played.models.version("acme", "digits", 1)).gate_results == before.gate_results
    (again,) = (await played.gates.evaluate("acme", "ann", "digits", 1)).items
    assert again.spec.parameters["split"] == "validation"


async def test_when_no_gate_can_be_measured_who_asks_for_it_is_told(played: Played) -> None:
    await played.models.create(ANN, "digits", gates=(Gate(metric="f1", dataset="nothere", minimum=0.5),))
    await _trained(played)
    with pytest.raises(FailedPrecondition, match=r"f1 on nothere .* can't be measured.*no data set 'nothere'"):
        await played.gates.evaluate("acme", "ann", "digits", 1)


async def test_who_asks_in_vain_for_a_measurement_leaves_a_reason(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    await played.models.create(ANN, "digits")
    await _trained(played)
    await played.models.change(ANN, "digits", gates=(GATE,))

    async def refuses(*given: Any, **more: Any) -> Job:
        raise Unavailable("the database is away")

    assert [state for state, _ in await _standings(played)] == ["not measured"]
    monkeypatch.setattr(played.jobs, "submit", refuses)
    with pytest.raises(Unavailable):
        await played.gates.evaluate("acme", "ann", "digits", 1)
    ((state, why),) = await _standings(played)
    assert (state, "could not begin: the database is away" in why) == ("unmeasurable", True)


async def test_a_gate_of_before_metrics_had_names_is_told_of_and_not_measured(played: Played) -> None:
    await played.models.create(ANN, "digits")
    async with played.models_store.write() as tx:
        model = await tx.held_model("acme", "digits")
        assert model is not None
        await tx.save_model(structs.replace(model, gates=(Gate(metric="rmse", dataset="digits", minimum=1.0),)))
    await _trained(played)
    assert await played.of_kind("evaluate") == []
    ((state, why),) = await _standings(played)
    assert (state, "write 'rmse:digits:validation<=1'" in why) == ("unmeasurable", True)


async def test_a_gate_that_can_not_be_measured_now_is_measured_later_and_keeps_no_other_from_it(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Gate(metric="f1", dataset="digits", minimum=0.5)
    await played.models.create(ANN, "digits", gates=(GATE, other))
    submit, away = played.jobs.submit, [True]

    async def refuses(tenant: str, by: str, name: str, *rest: Any, **more: Any) -> Job:
        if name == "evaluate-accuracy" and away[0]:
            raise Unavailable("the database is away")
        return await submit(tenant, by, name, *rest, **more)

    monkeypatch.setattr(played.jobs, "submit", refuses)
    await _trained(played)
    for _ in range(40):
        played.clock.advance(300)
        await played.react()
    assert [state for state, _ in await _standings(played)] == ["measuring", "measuring"], "for as long as it takes"
    (evaluate,) = await played.of_kind("evaluate")
    assert evaluate.name == "evaluate-f1"
    away[0] = False
    played.clock.advance(300)
    await played.react()
    for job in await played.of_kind("evaluate"):
        await played.end(job, metrics={"f1": 0.9, "accuracy": 0.95})
    assert await _standings(played) == [("passed", ""), ("passed", "")]


async def test_a_gate_that_was_given_up_says_why(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    await played.models.create(ANN, "digits", gates=(GATE,))
    submit = played.jobs.submit

    async def refuses(tenant: str, by: str, name: str, *rest: Any, **more: Any) -> Job:
        if name == "evaluate-accuracy":
            raise KeyError("a defect")
        return await submit(tenant, by, name, *rest, **more)

    monkeypatch.setattr(played.jobs, "submit", refuses)
    await _trained(played)
    ((state, why),) = await _standings(played)
    assert state == "unmeasurable"
    assert "its measuring could not begin: an error of the platform, which its log has" in why


@pytest.mark.parametrize("what", ["import", "verify"])
async def test_what_can_not_begin_does_not_go_on_for_ever(
    played: Played, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*given: Any, **more: Any) -> Job:
        raise KeyError("a defect")

    reason = "could not begin: an error of the platform, which its log has"
    if what == "import":
        monkeypatch.setattr(played.jobs, "submit", refuses)
        request = convert({"source": {"sample": "digits"}}, ImportRequest)
        data = await played.datasets.start_import("acme", "ann", "digits", request)
        await played.react()
        data = await played.datasets.version_by_id("acme", data.id)
        assert (data.state, reason in data.reason) == ("failed", True)
        return
    await played.digits()
    job = await played.training.submit(ANN, TRAINING)
    monkeypatch.setattr(played.jobs, "submit", refuses)
    await played.end(job, output=played.made())
    (version,) = await _versions(played)
    assert (version.state, reason in version.reason) == ("rejected", True)


@pytest.mark.parametrize("what", ["import", "verify", "train"])
async def test_what_an_ended_job_made_is_not_waited_for_when_it_could_not_be_recorded(
    played: Played, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*given: Any, **more: Any) -> None:
        monkeypatch.undo()
        raise KeyError("a defect")

    if what == "import":
        monkeypatch.setattr(played.datasets, "finish_import", broken)
        data = await played.digits()
        assert (data.state, "could not be recorded" in data.reason) == ("failed", True)
        return
    await played.digits()
    job = await played.training.submit(ANN, TRAINING)
    if what == "train":
        monkeypatch.setattr(played.models, "register", broken)
    await played.end(job, output=played.made())
    if what == "train":
        assert (await played.jobs.get("acme", job.id)).message.startswith("no version was made of it: an error of the")
        return
    (recognise,) = await played.of_kind("verify")
    monkeypatch.setattr(played.models, "describe_version", broken)
    await played.end(recognise, report=RECOGNISED)
    (version,) = await _versions(played)
    assert (version.state, "could not be recorded" in version.reason) == ("rejected", True)


async def test_a_measurement_that_could_not_be_recorded_says_why(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    await played.models.create(ANN, "digits", gates=(GATE,))
    await _trained(played)
    (evaluate,) = await played.of_kind("evaluate")

    async def broken(tenant: str, id: str, result: GateResult) -> Version:
        monkeypatch.undo()
        raise Internal("no")

    monkeypatch.setattr(played.models, "record_gate_result", broken)
    await played.end(evaluate, metrics={"accuracy": 0.95})
    ((state, why),) = await _standings(played)
    assert (state, "could not be recorded: no" in why) == ("unmeasurable", True)


async def test_a_value_stays_where_the_same_can_not_be_measured_again(played: Played) -> None:
    await played.models.create(ANN, "digits", gates=(GATE,))
    await _trained(played)
    (first,) = await played.of_kind("evaluate")
    await played.end(first, metrics={"accuracy": 0.95})
    (again,) = (await played.gates.evaluate("acme", "ann", "digits", 1)).items
    await played.end(again, "cancelled")
    (standing,) = await played.models.gates("acme", "digits", 1)
    assert standing.result is not None
    assert (standing.state, standing.result.value, standing.result.job) == ("passed", 0.95, first.id)
    assert (standing.result.tried, standing.result.reason) == (again.id, f"job {again.id} was cancelled")


async def test_a_job_of_ones_own_that_is_called_an_evaluation_is_none(played: Played) -> None:
    code = await put_files(played.objects, "acme", {"main.py": b"pass"})
    job = await played.training.submit(ANN, Training(code=code, entry="main.py"))
    await played.end(structs.replace(job, spec=structs.replace(job.spec, kind="evaluate")), metrics={"accuracy": 1.0})
    assert [event.name for _, event in await played.log.since(0) if event.name.startswith("gate.")] == []
