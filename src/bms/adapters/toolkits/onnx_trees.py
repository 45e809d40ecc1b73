"""Completes scikit-learn's trees in ONNX: split thresholds, and the branch of missing values, which skl2onnx leaves
out."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

_TRACKS = "nodes_missing_value_tracks_true"


def thresholds(parts: Iterable[Any]) -> list[tuple[int, float]]:
    """The thresholds of trees among the parts of an estimator: (feature, value), of single trees, forests and boosted
    ones; none of others."""
    found: list[tuple[int, float]] = []
    for part in parts:
        for tree in _trees(part) if hasattr(part, "tree_") else ():
            inner = tree.feature >= 0
            found += zip(tree.feature[inner].tolist(), tree.threshold[inner].tolist(), strict=True)
        nodes = getattr(part, "nodes", None)
        if isinstance(nodes, np.ndarray) and nodes.dtype.names and "num_threshold" in nodes.dtype.names:
            inner = nodes["is_leaf"] == 0
            found += zip(nodes["feature_idx"][inner].tolist(), nodes["num_threshold"][inner].tolist(), strict=True)
    return found


def track_missing(model: Any, estimator: Any) -> None:
    """Sets the branch of missing values in the trees of `model` from those of the estimator, where they are as many and
    as large. (Whether it is right, the comparison with the parent says.)"""
    trees = list(_trees(estimator))
    first = 0
    for node in model.graph.node:
        given = {attribute.name: attribute for attribute in node.attribute}
        if _TRACKS not in given or "nodes_treeids" not in given:
            continue
        which = np.array(given["nodes_treeids"].ints)
        here = trees[first : first + int(which.max()) + 1]
        first += len(here)
        sizes = np.bincount(which).tolist()
        if sizes != [tree.node_count for tree in here]:
            return
        nodes = [tree.__getstate__()["nodes"] for tree in here]
        if "missing_go_to_left" not in (nodes[0].dtype.names or ()):
            return
        ways = [
            nodes[tree]["missing_go_to_left"][at] for tree, at in zip(which, given["nodes_nodeids"].ints, strict=True)
        ]
        given[_TRACKS].ints[:] = [int(way) for way in ways]


def _trees(estimator: Any) -> Iterator[Any]:
    """In the order in which a converter meets them."""
    tree = getattr(estimator, "tree_", None)
    if tree is not None:
        if hasattr(tree, "feature"):  # others have a tree of neighbours by that name
            yield tree
        return
    inner = getattr(estimator, "estimators_", None)
    members = inner.ravel().tolist() if isinstance(inner, np.ndarray) else inner if isinstance(inner, list) else []
    best = getattr(estimator, "best_estimator_", None)
    steps = [step for _, step in getattr(estimator, "steps", ())]
    for one in [*steps, *members, *([] if best is None else [best])]:
        yield from _trees(one)
