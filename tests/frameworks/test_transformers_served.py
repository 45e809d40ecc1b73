"""Hugging Face models on transformers and torch, from training to answers over every wire."""

import asyncio
import json
from pathlib import Path

import numpy as np
import openai
import pytest

from bms.sdk import AsyncClient
from tests.contract.runtimes.cases.huggingface import TRANSFORMERS
from tests.framework_env import made_by
from tests.frameworks.agreement import serves_alike
from tests.worlds.platforms import RealPlatform

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def made() -> Path:
    return TRANSFORMERS.artifacts()


def test_a_trained_classifier_answers_as_transformers_does(platform: RealPlatform, made: Path) -> None:
    version = serves_alike(platform, made / "about", made / "about.npz", name="about", rtol=1e-4)
    assert (version.runtime, version.format) == ("huggingface", "huggingface-safetensors")
    assert version.signatures["serving_default"].labels == ("wine", "digits", "cancer")
    with platform.client() as client:
        assert client.classify("about", text="我们测量酒精").top(1)[0][0] == "wine"
    shown = platform.bms("predict", "about", "--text", "这里说的是肿瘤", "--top", "1").out
    assert shown.splitlines()[1].startswith("cancer")


def test_short_texts_get_the_librarys_answers_alone_and_in_company(platform: RealPlatform) -> None:
    """A decoder that was fine-tuned with a padding of its own, asked for texts of unequal length."""
    maker = Path(__file__).parent.parent / "sweep" / "families" / "huggingface_models.py"
    folder = made_by(maker, TRANSFORMERS.requirements) / "llama-own-pad"
    said = json.loads(folder.with_suffix(".json").read_text())
    texts, scores = said["texts"], np.array(said["answers"], dtype=np.float32)
    expected = {"text": np.array(texts), "scores": scores}
    serves_alike(platform, folder, expected, name="own-pad", rtol=1e-4, atol=2e-6)

    async def ask() -> list[list[float]]:
        async with AsyncClient(platform.url, platform.key) as client:
            calls = [client.predict_text("own-pad", text) for text in texts * 4]
            return [answer.outputs["scores"][0].tolist() for answer in await asyncio.gather(*calls)]

    np.testing.assert_allclose(asyncio.run(ask()), np.concatenate([scores] * 4), rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", ["minilm", pytest.param("minilm-onnx", marks=pytest.mark.long)])
def test_a_real_encoder_answers_as_sentence_transformers_does(platform: RealPlatform, made: Path, name: str) -> None:
    serves_alike(platform, made / name, made / f"{name}.npz", name=name, rtol=1e-4, atol=2e-6)
    with (
        np.load(made / f"{name}.npz") as expected,
        openai.OpenAI(base_url=f"{platform.url}/v1", api_key=platform.key, max_retries=0) as client,
    ):
        answer = client.embeddings.create(model=name, input=expected["text"].tolist())
        got = np.array([one.embedding for one in answer.data], np.float32)
        np.testing.assert_allclose(got, expected["embedding"], rtol=1e-4, atol=2e-6)
        assert answer.usage.total_tokens == int(expected["tokens"].sum())
