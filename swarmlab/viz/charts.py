"""Rows as figures: task lanes, the filmstrip, the outage bar; and `show`, which gives every figure its words.

Every function that draws takes `ax=` and returns the axes; the filmstrip, made of several, returns its figure.
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import ink
from .filmstrip import draw_filmstrip
from .lanes import draw_tasks
from .outagebar import draw_outage, key_instants, lost_requests

__all__ = ["draw_filmstrip", "draw_outage", "draw_tasks", "key_instants", "lost_requests", "show"]

LEAST_ALT = 20  # characters


def show(fig: Figure | Axes, alt: str) -> None:
    """Display a figure in a lesson, with the words for those who do not see it (20 characters or more), and close it."""
    if len(alt.strip()) < LEAST_ALT:
        raise ValueError(f"alt={alt!r}: say in {LEAST_ALT} characters or more what the figure shows")
    from base64 import b64encode

    from IPython.display import display
    from matplotlib import pyplot

    whole = ink.figure_of(fig)
    data = {"image/png": b64encode(ink.png(whole)).decode(), "text/plain": alt}
    size = {"alt": alt, "width": round(whole.get_figwidth() * ink.CSS)}
    pyplot.close(whole)
    display(data, raw=True, metadata={"image/png": size})
