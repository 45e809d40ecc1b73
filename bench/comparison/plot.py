"""The picture: `plot.py PEERS.json PEERS.png`, with matplotlib, in an environment of its own.

A panel per case at one number of connections: a dot per system, requests per CPU second of all its processes on a
logarithmic axis, and how many times BMS does as much.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

BMS, TRITON, PEER, FLOOR, INK = "#0b6e4f", "#b5651d", "#4f6d94", "#a9b0b8", "#222222"
COLUMNS = 2


def main(given: str, made: str) -> None:
    mpl.rcParams.update({"font.size": 9, "font.family": "DejaVu Sans", "axes.spines.top": False})
    mpl.rcParams["axes.spines.right"] = False
    data = json.loads(Path(given).read_text())["plot"]
    panels = [panel for panel in data["panels"] if panel["bars"]]
    lines = -(-len(panels) // COLUMNS)
    heights = [
        max(len(panel["bars"]) for panel in panels[line * COLUMNS : (line + 1) * COLUMNS]) + 2.6
        for line in range(lines)
    ]
    columns = min(COLUMNS, len(panels))
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(6.4 * columns, 0.27 * sum(heights) + 0.8),
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
        layout="constrained",
    )
    for index, axis in enumerate(axes.flat):
        if index < len(panels):
            line = index // COLUMNS * COLUMNS
            draw(axis, panels[index], max(len(panel["bars"]) for panel in panels[line : line + COLUMNS]))
        else:
            axis.axis("off")
    figure.suptitle(data["title"], fontsize=11, fontweight="bold", x=0.01, ha="left")
    figure.supxlabel(data["foot"], fontsize=8, color="#555555", x=0.01, ha="left")
    figure.savefig(made, dpi=110, facecolor="white")


def draw(axis: Any, panel: dict[str, Any], lines: int) -> None:
    """`lines` is how many bars the tallest panel beside it has."""
    bars = sorted(panel["bars"], key=lambda bar: bar["value"])
    ours = next((bar["value"] for bar in bars if bar["kind"] == "bms"), None)
    colours = {"bms": BMS, "triton": TRITON, "floor": FLOOR, "peer": PEER}
    values = [bar["value"] for bar in bars]
    low = 10 ** (len(str(int(min(values)))) - 1) / 2
    places = range(len(bars))
    paints = [colours[bar["kind"]] for bar in bars]
    axis.hlines(places, low, values, color=paints, linewidth=2.2, alpha=0.45)
    axis.scatter(values, places, color=paints, s=46, zorder=3)
    axis.set_xscale("log")
    axis.set_xlim(low, max(values) * 14)
    axis.set_ylim(len(bars) - lines - 0.6, len(bars) - 0.4)
    axis.set_yticks(places, [bar["title"] for bar in bars])
    axis.tick_params(axis="y", length=0)
    for tick, bar in zip(axis.get_yticklabels(), bars, strict=True):
        tick.set_fontweight("bold" if bar["kind"] == "bms" else "normal")
    for place, bar in zip(places, bars, strict=True):
        text = f"   {_short(bar['value'])}"
        if ours is not None and bar["kind"] != "bms":
            text += f"   BMS × {_times(ours / bar['value'])}"
        weight = "bold" if bar["kind"] == "bms" else "normal"
        axis.text(bar["value"], place, text, va="center", ha="left", color=INK, fontsize=8, fontweight=weight)
    axis.set_title(panel["title"], loc="left", fontsize=9.5)
    axis.xaxis.set_major_formatter(lambda value, _: _short(value))
    axis.grid(axis="x", which="major", color="#eeeeee")
    axis.set_axisbelow(True)


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def _short(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1e6:g}M"
    if value >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value / 1000:.1f}k".replace(".0k", "k") if value >= 1000 else f"{value:.0f}"


if __name__ == "__main__":
    main(*sys.argv[1:3])
