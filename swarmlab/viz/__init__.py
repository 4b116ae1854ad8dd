"""Looking back: the board, playable. It needs neither numpy nor pandas nor matplotlib, and anywidget only when shown."""

from typing import Any


def Player(trace, **options: Any):
    """The board of a run, to play, pause and scrub: `Player(cluster.trace, layers=…, lens=…, speed=…, height=…)`.

    It is `swarmlab.viz.player.Player`, imported at first use, so that whoever only wants rows pays for no widget.
    """
    from .player import Player as Widget

    return Widget(trace, **options)


__all__ = ["Player"]
