"""A whole Docker Swarm in one process, for learning: it can be paused, rewound, forked and broken on purpose."""

from .cluster import Cluster

__version__ = "0.1.0"
__all__ = ["Cluster"]
