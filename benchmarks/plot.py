"""Draws the plot of the performance page from what was measured.

Only this script needs matplotlib. The same figures give the same file, byte for byte, and the file contains a digest of
the figures, so that a test can check that it belongs to the page.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

OURS, OTHERS, GRID = "#1f5fa8", "#9aa5b1", "#d8dde3"
LEAST = 0.02
"""The lower end of the logarithmic bars, times N."""


def digest(measured: Mapping[str, Any]) -> str:
    """A short name of a run, made from its figures."""
    return hashlib.sha256(json.dumps(measured, sort_keys=True).encode()).hexdigest()[:16]


def rows_of(measured: Mapping[str, Any], script: str, table: str) -> Sequence[Sequence[Any]]:
    """The rows of one table."""
    for found in measured["scripts"][script]["tables"]:
        if found["name"] == table:
            rows: Sequence[Sequence[Any]] = found["rows"]
            return rows
    raise KeyError(table)


def draw(measured: Mapping[str, Any]) -> str:
    """The SVG: what a push costs, and how the cost grows."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update(
        {"svg.hashsalt": digest(measured), "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9}
    )
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.6), width_ratios=(3, 2), layout="constrained")
    _costs(left, rows_of(measured, "throughput", "cost"))
    _growth(right, rows_of(measured, "growth", "pushes"))
    out = io.StringIO()
    named = {"Date": None, "Creator": None, "Description": f"run {digest(measured)}"}
    figure.savefig(out, format="svg", metadata=named)
    pyplot.close(figure)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _costs(axes: Any, rows: Sequence[Sequence[Any]]) -> None:
    bars = sorted(((row[0], row[-1]) for row in rows if row[0] != "making the pushes"), key=lambda bar: bar[1])
    colours = [OTHERS if name.startswith(("N:", "plain loop", "the plug-in")) else OURS for name, _ in bars]
    drawn = axes.barh([name for name, _ in bars], [value for _, value in bars], color=colours)
    axes.bar_label(drawn, [f"{value:.2f}" if value < 10 else f"{value:.0f}" for _, value in bars], padding=3)
    axes.axvline(1, color=GRID, linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(LEAST, 3 * max(value for _, value in bars))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.invert_yaxis()
    axes.set_title("CPU of a push, times N (logarithmic)")
    _bare(axes)


def _growth(axes: Any, rows: Sequence[Sequence[Any]]) -> None:
    sizes = [int(row[0].replace(",", "")) for row in rows]
    for column, name, colour in ((1, "send_each", OURS), (2, "stream", OTHERS)):
        points = [(size, row[column]) for size, row in zip(sizes, rows, strict=True) if row[column] is not None]
        axes.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("pushes")
    axes.set_title("CPU us/push, by number of pushes")
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.legend(frameon=False)
    _bare(axes)


def _bare(axes: Any) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
