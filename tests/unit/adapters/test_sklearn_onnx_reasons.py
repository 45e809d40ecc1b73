"""Why skl2onnx could not convert is told in words, not in the numbers of a node."""

import pytest

from bms.adapters.toolkits.sklearn_onnx import reason


def unmade() -> None:
    try:
        raise TypeError("Expected an int, got a boolean.")
    except TypeError as error:
        raise ValueError(f"Unable to create node 'Tree' and attributes={{'ids': {[0] * 5000}}}") from error


def test_a_node_that_can_not_be_made_is_told_with_what_was_wrong_beneath() -> None:
    with pytest.raises(ValueError, match="Unable to create") as caught:
        unmade()
    assert reason(caught.value) == "Unable to create node 'Tree': Expected an int, got a boolean."


def test_other_reasons_are_told_as_they_are() -> None:
    assert reason(RuntimeError("no converter for it")) == "no converter for it"
    assert reason(KeyError()) == "KeyError"
    assert reason(ValueError("a node and attributes={}")) == "a node"
