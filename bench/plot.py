"""The curves of `bench/growth.py`, as an SVG."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure


def draw(
    file: Path,
    nodes: Sequence[int],
    *,
    up: Sequence[float],
    again: Sequence[float],
    memory: Sequence[float],
) -> None:
    """Draw over the number of nodes: seconds of `up` from nothing and with nothing to do, and
    bytes of each node. The same figures make the same file."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(nodes, up, "o-", label="from nothing")
    left.plot(nodes, again, "s--", label="with nothing to do")
    left.set(title="beeyard up", xlabel="nodes", ylabel="seconds", xticks=nodes)
    left.legend(frameon=False)
    right.plot(nodes, [used / 1e6 for used in memory], "o-")
    right.set(title="memory", xlabel="nodes", ylabel="MB per node", xticks=nodes)
    for axes in (left, right):
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    with rc_context({"svg.hashsalt": "beeyard", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
