"""Checks that a LightGBM text file is complete and its trees are well-formed, which LightGBM itself does not.

A cut file loads without its last trees, and a node that leads outside or back is followed: so both are looked for here.
The format is that of LightGBM's `GBDT::SaveModelToString` and `Tree::ToString`, versions v2 to v4.
"""

import re
from typing import NamedTuple

import numpy as np

from bms.adapters.runtimes.lightgbm.columns import SeenFeature, levels_of, real_names, seen_of
from bms.core.errors import FailedPrecondition
from bms.core.tensors.columns import Level
from bms.serving.inference.reasons import reason

START = re.compile(rb"tree\r?\nversion=v\d")


class TextModel(NamedTuple):
    """The header of a LightGBM text file. `names` and `seen`: of each feature, none where they have none. `levels`: of
    each categorical column of the frame that it was trained on."""

    features: int
    classes: int  # rows of scores for each input row
    objective: str  # its first word; empty: the trees were trained for a function of their maker's
    names: tuple[str, ...] = ()
    seen: tuple[SeenFeature, ...] = ()
    levels: tuple[tuple[Level, ...], ...] = ()


def check_model(content: bytes, name: str) -> TextModel:
    """Checks the file, and returns its header. Raises FailedPrecondition when it or a tree is broken."""
    if not START.match(content):
        raise _broken(name, "it does not begin as LightGBM's text format does")
    whole, end, _ = content.partition(b"\nend of trees")
    if not end:
        raise _broken(name, "it is cut off: the line 'end of trees' is missing")
    head, *trees = re.split(rb"^Tree=\d+\s*$", whole, flags=re.MULTILINE)
    try:
        said = _pairs(head)
        features, classes = int(said["max_feature_idx"]) + 1, int(said["num_tree_per_iteration"])
        if not (0 < features < 1 << 31 and 0 < classes < 1 << 20 and len(trees) % classes == 0):
            raise ValueError("the header's numbers do not fit the trees")
        sizes = said.get("tree_sizes", "").split()
        if len(sizes) != len(trees):
            raise ValueError(f"{len(trees)} trees where {len(sizes)} are announced")
        fractional: set[int] = set()
        for tree in trees:
            fractional |= _check_tree(_pairs(tree), features)
        names, infos = said.get("feature_names", "").split(" "), said.get("feature_infos", "").split()
        if len(names) != features or len(infos) != features:
            raise ValueError("the features' names are not as many as there are features")
        seen, levels = seen_of(infos, frozenset(fractional), content), levels_of(content)
    except (KeyError, ValueError) as error:
        raise _broken(name, reason(error)) from error
    return TextModel(features, classes, (said.get("objective") or " ").split(" ")[0], real_names(names), seen, levels)


def _check_tree(tree: dict[str, str], features: int) -> set[int]:
    """Every child comes after its parent, as LightGBM makes them, so that every walk ends at a leaf. Gives the features
    that are split elsewhere than at whole numbers and halves."""
    leaves = int(tree["num_leaves"])
    nodes = leaves - 1
    if nodes < 0 or len(_numbers(tree, "leaf_value", float)) != leaves:
        raise ValueError("a tree's number of leaves is wrong")
    if nodes == 0:
        return set()
    split = _numbers(tree, "split_feature", int)
    if any(len(_numbers(tree, key, float)) != nodes for key in ("threshold", "decision_type")) or len(split) != nodes:
        raise ValueError("a tree's number of nodes is wrong")
    if split.min() < 0 or split.max() >= features:
        raise ValueError("a tree asks for a feature that there is not")
    for side in ("left_child", "right_child"):
        child = _numbers(tree, side, int)
        inner = np.where(child >= 0, child > np.arange(len(child)), child >= -leaves)
        if len(child) != nodes or child.max() >= nodes or not inner.all():
            raise ValueError("a tree's node leads to none that comes after it")
    if int(tree.get("num_cat", "0")):
        _check_categories(tree, split, nodes)
    if int(tree.get("is_linear", "0")):
        used = _numbers(tree, "leaf_features", int) if tree.get("leaf_features", "").strip() else np.zeros(0, int)
        if len(used) and (used.min() < 0 or used.max() >= features):
            raise ValueError("a leaf asks for a feature that there is not")
    twice = 2 * _numbers(tree, "threshold", float)
    return set(split[np.abs(twice - np.round(twice)) > 1e-6].tolist())


def _check_categories(tree: dict[str, str], split: "np.ndarray[tuple[int], np.dtype[np.int64]]", nodes: int) -> None:
    bounds, words = _numbers(tree, "cat_boundaries", int), _numbers(tree, "cat_threshold", int)
    if len(bounds) != int(tree["num_cat"]) + 1 or bounds[0] != 0 or (np.diff(bounds) < 0).any():
        raise ValueError("a tree's number of categories is wrong")
    if bounds[-1] != len(words):
        raise ValueError("a tree's categories are cut off")
    categorical = _numbers(tree, "decision_type", int) & 1 == 1
    which = _numbers(tree, "threshold", float)[categorical]
    if len(which) and (which.min() < 0 or which.max() >= len(bounds) - 1):
        raise ValueError("a tree asks for categories that there are not")


def _numbers(tree: dict[str, str], key: str, kind: type) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(tree[key].split(), dtype=kind)


def _pairs(content: bytes) -> dict[str, str]:
    lines = (line.partition("=") for line in content.decode(errors="replace").splitlines())
    return {key: value for key, sign, value in lines if sign}


def _broken(name: str, why: str) -> FailedPrecondition:
    return FailedPrecondition(f"{name!r} is no whole LightGBM model: {why}; save it again with save_model")
