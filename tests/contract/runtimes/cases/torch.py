"""PyTorch's programs, TorchScript, and code with weights, for the runtimes' contract."""

from bms.core.tensors.signature import Signature, TensorSpec
from tests.contract.runtimes.runtime_cases import MAKERS, Case, Framework

ROWS = {"serving_default": Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 64)),))}

FRAMEWORK = Framework(
    name="torch",
    requirements=("torch==2.13.0", "safetensors", "numpy"),
    maker=MAKERS / "make_torch.py",
    cases=(
        Case("torch-export", "export/model"),
        Case("torch-export", "automatic/model"),
        Case("torch-export", "two_inputs/model"),
        Case("torchscript", "script/model", signatures=ROWS),
        Case("torch", "code/model", bare=False, signatures=ROWS),
    ),
    files=("test_runtime_torch.py",),
    heavy=True,
)
