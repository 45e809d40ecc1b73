"""Hugging Face directories for the runtimes' contract: those with ONNX graphs, small ones made without torch."""

from pathlib import Path

from tests.contract.runtimes.runtime_cases import Case, Framework

TOKENIZERS = ("numpy", "msgspec", "onnxruntime", "tokenizers", "onnx", "pytest")

FRAMEWORK = Framework(
    name="huggingface",
    requirements=TOKENIZERS,
    maker=Path(__file__).with_name("make_texts.py"),
    cases=tuple(Case("huggingface", name, bare=False) for name in ("encoder", "sentences", "classifier", "tagger")),
    files=("test_runtime_huggingface.py", "test_text_plan.py"),
)
