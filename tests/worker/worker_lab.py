"""What tests of the demo lab's applications share: commands that must succeed, and what has happened since."""

from swarmlab.effects import SECOND


def say(cluster, command, **more):
    result = cluster.docker(command, **more)
    assert result.exit_code == 0, result.stderr


def since(cluster, begin, *kinds):
    """The records of these kinds of fact after an instant, in seconds."""
    return [record for record in cluster.trace.of(*kinds) if record.time / SECOND > begin]
