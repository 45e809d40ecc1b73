"""What may be said of a version that is pushed."""

import pytest

from bms.cli.options.version import VersionOptions, parse_tensor, signature_text
from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import NUMPY
from bms.sdk.nouns.columns import parse_column
from bms.sdk.nouns.signatures import Signature, TensorSpec


@pytest.mark.parametrize("dtype", NUMPY)
def test_every_data_type_can_be_declared(dtype: str) -> None:
    assert parse_tensor(f"x {dtype} [-1, 2]") == TensorSpec(name="x", dtype=dtype, shape=(None, 2))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x FP65 [-1]", "no data type 'FP65': use one of BOOL, "),
        ("x", "write its name, type and shape"),
        ("age number", "--column 'age number'"),
    ],
)
def test_what_is_no_tensor_is_refused_with_what_to_write(text: str, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        parse_tensor(text)


def test_columns_are_read_and_never_beside_tensors() -> None:
    options = VersionOptions(column=["age number", "city text?"])
    assert options.columns() == [parse_column("age number"), parse_column("city text?")]
    assert options.version().signatures == {}
    with pytest.raises(InvalidArgument, match="give --input or --column"):
        VersionOptions(input=["x FP32 [-1]"], column=["age number"]).version()
    with pytest.raises(InvalidArgument, match="there is no type 'nmber'"):
        VersionOptions(column=["age nmber"]).columns()


def test_signatures_are_told_in_a_line_of_bounded_length() -> None:
    label = TensorSpec(name="label", dtype="INT64", shape=(None,))
    table = Signature(inputs=tuple(parse_column(f"c{at} text?") for at in range(4)), outputs=(label,))
    assert signature_text(table) == "c0 text?, c1 text?, c2 text?, c3 text? → label INT64 [-1]"
    assert signature_text(table, most=2) == "c0 text?, c1 text? and 2 more → label INT64 [-1]"


def test_an_input_may_be_optional() -> None:
    spec = TensorSpec(name="y", dtype="FP32", shape=(None, 2), optional=True)
    assert parse_tensor("y FP32? [-1, 2]") == spec
    assert signature_text(Signature(inputs=(spec,))) == "y FP32? [-1, 2] → "


def test_formats_are_said_by_the_names_of_inputs() -> None:
    assert VersionOptions(format=["x=NCHW", "y=NHWC"]).formats() == {"x": "NCHW", "y": "NHWC"}
    assert VersionOptions().formats() == {}
