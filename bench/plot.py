"""Curves of `bench/growth.py`, as an SVG."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

if TYPE_CHECKING:
    from bench.growth import Size

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402 - the backend is chosen first


def draw(sizes: "Sequence[Size]", file: Path) -> None:
    """Draw time and memory over the number of nodes into an SVG file."""
    nodes = [size.nodes for size in sizes]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    left.plot(nodes, [size.up for size in sizes], "o-", label="from nothing")
    left.plot(nodes, [size.again for size in sizes], "s--", label="nothing to do")
    left.set(title="beeyard up", xlabel="nodes", ylabel="seconds", ylim=(0, None), xticks=nodes)
    left.legend(frameon=False)
    right.plot(nodes, [size.memory / 1e6 for size in sizes], "o-")
    right.set(title="memory", xlabel="nodes", ylabel="MB per node", ylim=(0, None), xticks=nodes)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    matplotlib.rcParams["svg.hashsalt"] = "beeyard"
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
