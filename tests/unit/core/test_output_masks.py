"""Masks of outputs: all answers that are put together have them, and none keeps one that says nothing."""

import numpy as np

from bms.core.tensors.columns import with_masks, without_masks_of_nothing


def test_a_mask_that_one_answer_has_all_have() -> None:
    whole = {"label": np.array([b"a", b"b"], dtype=object), "p": np.array([1.0, 2.0])}
    gapped = {"label": np.array([b""], dtype=object), "label:missing": np.array([True]), "p": np.array([3.0])}
    made = with_masks([whole, gapped])
    assert [one["label:missing"].tolist() for one in made] == [[False, False], [True]]
    assert with_masks([whole, whole]) == [whole, whole]


def test_rows_of_which_nothing_is_missing_have_no_mask_though_a_row_of_their_run_lacks_a_value() -> None:
    run = {"label": np.array([b"a", b""], dtype=object), "label:missing": np.array([False, True])}
    cut = [without_masks_of_nothing({name: array[row : row + 1] for name, array in run.items()}) for row in range(2)]
    assert [list(one) for one in cut] == [["label"], ["label", "label:missing"]]


def test_an_output_that_is_only_called_like_a_mask_stays() -> None:
    assert list(without_masks_of_nothing({"is:missing": np.array([False])})) == ["is:missing"]
