"""MXNet's symbols with parameters for the runtimes' contract."""

from bms.core.tensors.signature import Signature, TensorSpec
from tests.contract.runtimes.runtime_cases import MAKERS, Case, Framework

ROWS = {"serving_default": Signature(inputs=(TensorSpec(name="data", dtype="FP32", shape=(None, 64)),))}

FRAMEWORK = Framework(
    name="mxnet",
    requirements=("mxnet==1.9.1", "numpy==1.23.5"),
    maker=MAKERS / "make_mxnet.py",
    cases=(
        Case("mxnet", "module/model", bare=False),
        Case("mxnet", "gluon/model", bare=False, signatures=ROWS),
    ),
    files=("test_runtime_mxnet.py",),
    heavy=True,
)
