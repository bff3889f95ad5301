"""The figures of the lab realizations on learned networks."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.realizations.tasks import TaskFound
from equigen.report.drawing import BLUE, GREY, ORANGE, TEXT, canvas, dress, png
from equigen.report.picture import Picture, drawn_picture

__all__ = ["accuracies"]


def accuracies(tasks: Sequence[TaskFound], caption: str) -> Picture:
    """The accuracy of every network with each of its trainings, and what to compare it with."""
    rows = max(len(task.networks) for task in tasks)
    figure = canvas(8.4, 1.5 + 0.27 * rows)
    panels = figure.subplots(1, len(tasks), squeeze=False)[0]
    for axes, task in zip(panels, tasks, strict=True):
        names = [one.kind.title for one in task.networks]
        for place, one in enumerate(task.networks):
            colour = BLUE if one.kind.equivariant and one.kind.sees_graph else ORANGE
            each = 100 * one.right.mean(1)
            axes.plot(each, [place] * len(each), color=colour, marker="|", markersize=9, linestyle="none")
            axes.plot(
                100 * one.accuracy.value, place, color=colour, marker="o" if colour == BLUE else "s", markersize=5
            )
        for reference, style in zip(task.references, (":", "-.", "--"), strict=False):
            axes.axvline(100 * reference.value, color=GREY, linestyle=style, linewidth=1.2, label=reference.name)
        axes.set_yticks(range(len(names)), names if axes is panels[0] else [""] * len(names))
        axes.invert_yaxis()
        axes.set_title(task.title, fontsize=TEXT)
        dress(axes, "accuracy on the test part (%)", "")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), fontsize=TEXT - 2, frameon=False)
    return drawn_picture(png(figure), "accuracy of all networks", caption)
