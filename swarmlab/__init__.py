"""A whole Docker Swarm in one process, for learning: it can be paused, rewound, forked and broken on purpose."""

from typing import Any

from .cluster import Cluster

__version__ = "0.1.0"
__all__ = ["Cluster"]


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext swarmlab` calls: `%docker` and `%%docker` are there from now on."""
    from .magic import DockerMagics

    shell.register_magics(DockerMagics)
