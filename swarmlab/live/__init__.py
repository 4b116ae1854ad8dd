"""The live board: the player, following a cluster while time passes in it, with buttons for what people do to one.

What the board shows travels to the browser in pieces (`viz.follow`), from a thread of its own, so that it goes on drawing
while a cell runs. With ipykernel 7 and JupyterLab 4.4 or later clicks are served meanwhile, too (messages of widgets go to
a subshell of the kernel); with older ones they wait until the cell ends. In both cases an act waits for its turn: what a
cell has begun to do to the cluster (`run_for`, `docker`, …) comes first.
"""

from .board import Live

__all__ = ["Live"]
