"""What callers are told of a model's failure: the reason first, whole, plain, bounded."""

import sys

import pytest

from bms.serving.inference.reasons import MOST, plain, reason

TORCHSCRIPT = """The following operation failed in the TorchScript interpreter.
Traceback of TorchScript, serialized code (most recent call last):
  File "code/__torch__/___torch_mangle_0.py", line 12, in forward
    lengths: Tensor) -> Tensor:
    batch_sizes = torch._pack_padded_sequence(x, lengths, True)
                  ~~~~~~~~~~~~~~~~~~~~~~~~~~~ <--- HERE

Traceback of TorchScript, original code (most recent call last):
  File "/home/someone/case.py", line 9, in forward
    p = pack_padded_sequence(x, lengths)
        ~~~~~~~~~~~~~~~~~~~~ <--- HERE
RuntimeError: Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0
"""


def test_the_error_at_the_end_of_a_trace_is_told_first_and_the_trace_is_not() -> None:
    told = reason(RuntimeError(TORCHSCRIPT))
    said = "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
    assert told == f"RuntimeError: {said}"


def test_what_is_said_beside_a_trace_comes_after_the_error() -> None:
    told = reason(ValueError("step 'scale' failed\nTraceback (most recent call last):\n  File 'a'\nKeyError: 'price'"))
    assert told == "ValueError: KeyError: 'price' step 'scale' failed"


def test_a_long_trace_costs_nothing_of_the_reason() -> None:
    trace = '  File "a.py", line 1, in f\n    f(x)\n' * 5000
    end = "KeyError: 'the price of row 3'\nis not there"
    told = reason(ValueError(f"Traceback (most recent call last):\n{trace}{end}"))
    assert told == "ValueError: KeyError: 'the price of row 3' is not there"


def test_what_an_error_was_raised_from_is_told_after_it() -> None:
    error = ValueError("no price")
    error.__cause__ = KeyError("price")
    assert reason(error) == "ValueError: no price; caused by KeyError: 'price'"
    error.__cause__ = ValueError("no price")
    assert reason(error) == "ValueError: no price"


def test_an_error_that_was_only_under_way_is_not_told() -> None:
    error = ValueError("no price")
    error.__context__ = KeyError("price")
    assert reason(error) == "ValueError: no price"


def test_an_error_without_words_is_told_by_its_class() -> None:
    assert reason(AssertionError()) == "AssertionError"


def test_a_librarys_own_text_may_be_cleared_before() -> None:
    assert reason(ValueError("[x.cc:5] too small"), "too small") == "ValueError: too small"


def test_the_stack_of_native_code_is_left_out() -> None:
    stack = "Exception raised from f at /pytorch/x.cpp:3 (most recent call first):\nframe #0"
    error = RuntimeError(f"shapes differ\n{stack}")
    assert reason(error) == "RuntimeError: shapes differ"


def test_it_is_bounded_and_its_beginning_is_kept() -> None:
    told = plain("first " + "x" * 10_000)
    assert len(told) == MOST
    assert told.startswith("first ")
    assert told.endswith("…")
    assert plain("x" * MOST) == "x" * MOST


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("a\n  b\tc", "a b c"),
        ("\x1b[1mbold\x1b[0m", "bold"),
        ("bell\x07 and \x00", "bell\N{REPLACEMENT CHARACTER} and \N{REPLACEMENT CHARACTER}"),
        ("Load model from /home/u/trees/ab12/model.onnx failed", "Load model from model.onnx failed"),
        ("'/tmp/x/y.py', line 3", "'y.py', line 3"),
        ("in /platform/trees/1/model.py:", "in model.py:"),
        (f"{sys.prefix}/lib/python/site-packages/keras/a.py", "lib/python/site-packages/keras/a.py"),
        ("node '/encoder/layer.0/MatMul'", "node '/encoder/layer.0/MatMul'"),
        ("see https://onnx.ai/home/x", "see https://onnx.ai/home/x"),
        ("Modell für Köln: 价格", "Modell für Köln: 价格"),
    ],
)
def test_it_is_plain_and_tells_no_paths_of_the_machine(words: str, told: str) -> None:
    assert plain(words, directory="/platform/trees/1") == told
