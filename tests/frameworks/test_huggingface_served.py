"""Texts in: Hugging Face directories with ONNX graphs, and a bare graph with a tokenizer beside it, over every wire."""

import asyncio
import json
import shutil
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest

from bms.core.errors import InvalidArgument
from bms.sdk import AsyncClient
from tests.contract.runtimes.cases.huggingface import FRAMEWORK
from tests.frameworks.agreement import deploy, deployed, newest, serves_alike
from tests.worlds.platforms import RealPlatform

pytestmark = pytest.mark.timeout(600)
LABELS = ("calm", "glad", "伤心")


def made(name: str) -> Path:
    return FRAMEWORK.artifacts() / name


def expected(name: str) -> Path:
    return made(name).with_suffix(".npz")


def test_an_encoder_answers_alike_and_serves_openais_clients(platform: RealPlatform) -> None:
    version = serves_alike(platform, made("sentences"), expected("sentences"), name="sentences")
    assert (version.runtime, version.format) == ("huggingface", "huggingface-onnx")
    assert version.environment.requirements == ("onnxruntime", "tokenizers")
    wanted = np.load(expected("sentences"))
    texts = wanted["text"].tolist()
    with openai.OpenAI(base_url=f"{platform.url}/v1", api_key=platform.key, max_retries=0) as client:
        for model in ("sentences", f"sentences@{version.number}"):
            answer = client.embeddings.create(model=model, input=texts)
            got = np.array([one.embedding for one in answer.data], np.float32)
            np.testing.assert_allclose(got, wanted["embedding"], rtol=1e-5, atol=1e-6)
            assert answer.usage.prompt_tokens == int(wanted["tokens"].sum())
        short = client.embeddings.create(model="sentences", input=texts[0], dimensions=8, encoding_format="float")
        cut = wanted["embedding"][0, :8]
        np.testing.assert_allclose(short.data[0].embedding, cut / np.linalg.norm(cut), rtol=1e-5)
        with pytest.raises(openai.BadRequestError, match="holds token ids, and this model takes texts"):
            client.embeddings.create(model="sentences", input=[1, 2, 3])


def test_a_sentence_gets_class_names_with_probabilities_by_every_way(platform: RealPlatform) -> None:
    serves_alike(platform, made("classifier"), expected("classifier"), name="mood")
    wanted = np.load(expected("classifier"))
    sentence, scores = str(wanted["text"][1]), wanted["scores"][1]
    best = LABELS[int(scores.argmax())]
    headers = {"authorization": f"Bearer {platform.key}"}
    with httpx.Client(base_url=platform.url, headers=headers, trust_env=False, timeout=30) as http:
        plain = {"content-type": "text/plain; charset=utf-8"}
        told = http.post("/v1/models/mood:classify", content=sentence.encode(), headers=plain).json()
        named = http.post("/v1/models/mood:classify", json={"examples": [{"text": sentence}]}).json()
        assert told == named
        assert [label for label, _ in told["results"][0]] == list(LABELS)
        np.testing.assert_allclose([score for _, score in told["results"][0]], scores, rtol=1e-5)
        predicted = http.post("/v1/models/mood:predict", content=sentence.encode(), headers=plain).json()
        np.testing.assert_allclose(predicted["predictions"][0], scores, rtol=1e-5)
        tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [sentence]}
        asked = {"inputs": [tensor], "outputs": [{"name": "scores", "parameters": {"classification": 1}}]}
        (output,) = http.post("/v2/models/mood/infer", json=asked).json()["outputs"]
        assert output["data"][0].endswith(f":{best}")
    with platform.client() as client:
        classes = client.classify("mood", text=[str(one) for one in wanted["text"]])
        assert len(classes.rows) == len(wanted["text"])
        assert classes.top(1, row=1)[0][0] == best
        assert client.classify("mood", {"text": [sentence]}).top(1)[0][0] == best
        np.testing.assert_allclose(client.predict_text("mood", sentence).outputs["scores"][0], scores, rtol=1e-5)
        with pytest.raises(InvalidArgument, match="exactly one"):
            client.classify("mood")
    shown = platform.bms("predict", "mood", "--text", sentence, "--top", "2")
    lines = [line.split() for line in shown.out.splitlines()]
    assert lines[0] == ["CLASS", "PROBABILITY"]
    assert (len(lines), lines[1][0], float(lines[1][1])) == (3, best, pytest.approx(scores.max(), abs=1e-6))
    whole = json.loads(platform.bms("predict", "mood", "--text", sentence, "--json").out)
    assert dict(whole) == pytest.approx(dict(zip(LABELS, scores.tolist(), strict=True)), rel=1e-5)


def test_a_tokenizer_beside_a_graph_is_preprocessing(platform: RealPlatform) -> None:
    say = ["--text", "tokenizer=words/tokenizer.json,max_length=24", *(f"--label={label}" for label in LABELS)]
    version = serves_alike(platform, made("plain"), expected("plain"), name="plain", options=say, signature="text")
    assert (version.runtime, version.environment.requirements) == ("onnx", ("onnxruntime", "tokenizers"))
    assert set(version.signatures) == {"serving_default", "text"}
    wanted = np.load(expected("plain"))

    async def ask() -> list[str]:
        async with AsyncClient(platform.url, platform.key) as client:
            asked = (client.classify("plain", text=str(one)) for one in wanted["text"])
            return [found.top(1)[0][0] for found in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [LABELS[at] for at in wanted["probabilities"].argmax(axis=1)]
    broken = {"content-type": "text/plain", "authorization": f"Bearer {platform.key}"}
    url = f"{platform.url}/v1/models/plain:classify"
    refused = httpx.post(url, content=b"a\xff", headers=broken, trust_env=False)
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "text 1 of 1: byte 1 is not UTF-8, which texts must be",
    )


def test_short_texts_get_their_own_answers_whatever_the_padding_is_called(platform: RealPlatform) -> None:
    """Alone, in one call, and among concurrent callers; long ones by their last words, as the tokenizer says."""
    version = serves_alike(platform, made("decoder"), expected("decoder"), name="decoder")
    assert version.signatures["serving_default"].batched
    wanted = np.load(expected("decoder"))
    texts, scores = [str(one) for one in wanted["text"]], wanted["scores"]

    async def ask() -> list[list[float]]:
        async with AsyncClient(platform.url, platform.key) as client:
            calls = [client.predict_text("decoder", text) for text in texts * 8]
            return [answer.outputs["scores"][0].tolist() for answer in await asyncio.gather(*calls)]

    np.testing.assert_allclose(asyncio.run(ask()), np.concatenate([scores] * 8), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_served_is_rejected_in_words_without_an_environment(
    platform: RealPlatform, tmp_path: Path
) -> None:
    config = json.loads((made("encoder") / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02.")
    ran = deploy(platform, tmp_path, "pickled")
    assert ran.status != 0
    assert "save them as safetensors" in ran.errors
    assert newest(platform, "pickled").environment.requirements == ()


def test_an_encoder_of_plain_mean_pooling_is_deployed_with_nothing_said_and_keys_that_nobody_knows_are_noted(
    platform: RealPlatform, tmp_path: Path
) -> None:
    shutil.copytree(made("encoder"), tmp_path, dirs_exist_ok=True)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps({"fold_umlauts": True, "more": 1}))
    version = deployed(platform, tmp_path, "noted")
    assert version.signatures["serving_default"].outputs[0].name == "embedding"
    assert version.metadata["not read"] == "tokenizer_config.json: fold_umlauts, tokenizer_config.json: more"
    shown = platform.bms("model", "show", "noted", "1")
    assert "fold_umlauts" in shown.out
