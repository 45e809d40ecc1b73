"""Tiny models of transformers and sentence-transformers, many architectures with many tokenizers and settings: each
text gets the library's answer, alone and among sixteen; and no key that the libraries write is in no list."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bms.adapters.runtimes.huggingface.keys import FILES, KEYS, unknown
from tests.contract.runtimes.cases.huggingface import TRANSFORMERS
from tests.framework_env import framework_python, made_by, told_by

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]
HERE = Path(__file__).parent
# Those that padding would change, and how many texts they take at once.
COMPANY = {"gpt2-no-pad": "alone", "xlnet": "equal"}
MODULES = {"1_Pooling": "Pooling's config.json", "2_Dense": "Dense's config.json"}
WEIGHTS = {".safetensors", ".onnx"}


@pytest.fixture(scope="module")
def made() -> Path:
    return made_by(HERE / "huggingface_models.py", TRANSFORMERS.requirements)


@pytest.fixture(scope="module")
def told(made: Path) -> dict[str, Any]:
    (found,) = told_by(TRANSFORMERS.requirements, HERE / "huggingface_asking.py", str(made))
    assert isinstance(found, dict)
    return found


def names(made: Path) -> list[str]:
    return sorted(file.name.removesuffix(".json") for file in made.glob("*.json"))


def test_every_text_gets_the_librarys_answer_alone_and_in_company(made: Path, told: dict[str, Any]) -> None:
    faults = []
    assert set(told) == set(names(made))
    assert len(told) >= 60
    for name, given in told.items():
        if "refused" in given:
            faults.append(f"{name} is refused: {given['refused']}")
            continue
        said = json.loads((made / f"{name}.json").read_text())
        wanted = np.array(said["answers"], dtype=float)  # the library refuses none of them
        assert np.ptp(wanted, axis=0).max() > 0.05, f"{name} says the same of all texts, which proves nothing"
        for way in ("alone", "together"):
            got = np.array(given[way])
            same = got.shape == wanted.shape and np.isclose(got, wanted, rtol=1e-4, atol=1e-5).all(axis=1)
            faults += [f"{name}, {way}: {said['texts'][row]!r}" for row in np.flatnonzero(~np.atleast_1d(same))]
    assert not faults, "\n".join(faults)


def test_texts_are_padded_together_wherever_that_changes_nothing(told: dict[str, Any]) -> None:
    assert {name: given["company"] for name, given in told.items() if given["company"] != "padded"} == COMPANY


def test_every_file_and_key_that_the_libraries_write_is_in_a_list(made: Path) -> None:
    files: set[str] = set()
    for name in names(made):
        for path in (one for one in (made / name).rglob("*") if one.is_file()):
            kind = MODULES.get(path.parent.name)
            if path.suffix in WEIGHTS or path.name == "tokenizer.json":
                continue
            if path.parent.name not in (name, "1_Pooling", "2_Dense"):
                kind = "Normalize's config.json"
            if kind is None and path.name in FILES:
                continue
            file = kind or path.name
            assert file in KEYS, path
            files.add(file)
            said = json.loads(path.read_text())
            for one in said if isinstance(said, list) else [said]:
                # In config.json everything else is the architecture, which is transformers' or the graph's to know.
                assert file == "config.json" or unknown(file, one) == [], path
    assert files >= {
        "config.json",
        "tokenizer_config.json",
        "modules.json",
        "sentence_bert_config.json",
        *MODULES.values(),
    }


def test_what_the_libraries_classes_can_write_is_in_a_list() -> None:
    """Asked of the classes themselves: what every configuration and every tokenizer has, and each module's keys."""
    script = """
import inspect, json, transformers as hf
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from sentence_transformers import SentenceTransformer
tokenizers = set()
for name in sorted({name for name in TOKENIZER_MAPPING_NAMES.values() if name}):
    kind = getattr(hf, name, None)
    if isinstance(kind, type) and any(one.__name__ == "TokenizersBackend" for one in kind.__mro__):
        own = inspect.signature(kind.__init__).parameters.values()
        tokenizers |= {one.name for one in own if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)}
print(json.dumps({
    "tokenizer_config.json": sorted(tokenizers - {"self", "vocab", "merges", "_spm_precompiled_charsmap"}),
    "config.json": sorted(hf.PreTrainedConfig().to_dict()),
    "Pooling's config.json": Pooling.config_keys,
    "Dense's config.json": Dense.config_keys,
    "Normalize's config.json": Normalize.config_keys,
    "sentence_bert_config.json": Transformer.config_keys,
}))
"""
    ended = subprocess.run(
        [str(framework_python(TRANSFORMERS.requirements)), "-c", script], capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    written = json.loads(ended.stdout.splitlines()[-1])
    assert len(written["tokenizer_config.json"]) > 20
    missing = {
        file: found
        for file, keys in written.items()
        if (found := [key for key in unknown(file, dict.fromkeys(keys, "")) if not key.endswith("_token")])
    }
    assert missing == {}
