"""The picture: `plot.py SCALE.json SCALE.png`, with matplotlib, in an environment of its own.

A panel per thing measured, over the number of models, with its aim as a line.
"""

import json
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt

COLOURS = ("#0b6e4f", "#b5651d", "#4f6d94", "#8a4f7d", "#777777")


def main(given: str, made: str) -> None:
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    data = json.loads(Path(given).read_text())["plot"]
    panels = data["panels"]
    figure, axes = plt.subplots(2, 3, figsize=(12, 6.4), squeeze=False, layout="constrained")
    for axis, panel in zip(axes.flat, panels, strict=True):
        for colour, (name, values) in zip(COLOURS, panel["lines"].items(), strict=False):
            shown = [float("nan") if value is None else value for value in values]  # nothing to measure there
            axis.plot(data["models"], shown, "o-", color=colour, label=name, markersize=4)
        top = max(value for values in panel["lines"].values() for value in values if value is not None)
        if panel["aim"]:
            axis.axhline(panel["aim"], color="#aa2222", linewidth=1, linestyle="--", label=f"aim: {panel['aim']:g}")
        axis.set_ylim(0, max(top, panel["aim"] or 0) * 1.12)
        axis.set_title(panel["title"], loc="left", fontweight="bold", fontsize=9)
        axis.set_xlabel("models (10 versions, 1 deployment, 1 key each)")
        axis.legend(fontsize=8, frameon=False)
    figure.savefig(made, dpi=110, facecolor="white")


if __name__ == "__main__":
    main(*sys.argv[1:])
