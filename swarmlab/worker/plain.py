"""Plain containers, as `docker run` makes them on one machine: their names, how they are referred to, what is refused.

Source: Docker documentation, "docker container run" (--name) and "docker container rm"; texts of Docker Engine 20.10.
"""

# Simpler than in reality (docs/simplifications.md): restart-delay

import re
from collections.abc import Sequence

from ..effects import MS, SECOND, Dice
from ..messages import Container, Exec, ExecIn
from ..objects import ApiError
from . import images

NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def check_name(name: str, containers: Sequence[Container]) -> None:
    """Raise if it is no name, or if another container, running or not, has it. One character is too few for Docker."""
    if name and not NAME.fullmatch(name):
        raise ApiError(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    name = name.removeprefix("/")
    for other in containers:
        if other.name == name:
            raise ApiError(
                f'Conflict. The container name "/{name}" is already in use by container "{other.id}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )


def check_new_name(container: Container, name: str, containers: Sequence[Container]) -> None:
    """Raise if it cannot be the name of this container from now on."""
    if not name.removeprefix("/"):
        raise ApiError("Neither old nor new names may be empty")
    if name.removeprefix("/") == container.name:
        raise ApiError("Renaming a container with the same name as its current name")
    try:
        check_name(name, containers)
    except ApiError as refusal:
        raise ApiError(f"Error when allocating new name: {refusal.text}") from None


def random_name(dice: Dice, containers: Sequence[Container]) -> str:
    """`adjective_surname`, with a digit more each time it is already taken."""
    adjectives, surnames = images.names()
    name = f"{_one(adjectives, dice)}_{_one(surnames, dice)}"
    taken = {container.name for container in containers}
    while name in taken:
        name += str(int(dice.random() * 10))
    return name


def _one(words, dice):
    return words[int(dice.random() * len(words))]


def find(ref: str, containers: Sequence[Container]) -> Container:
    """The container with this id, this name, or the only one whose id begins so."""
    exact = [one for one in containers if ref in (one.id, one.name, f"/{one.name}")]
    hits = exact or [one for one in containers if ref and one.id.startswith(ref)]
    if not hits:
        raise ApiError(f"No such container: {ref}")
    if len(hits) > 1:
        raise ApiError(f"multiple IDs found with provided prefix: {ref}")
    return hits[0]


def check_removal(container: Container, force: bool) -> None:
    if container.state == "running" and not force:
        raise ApiError(
            f"You cannot remove a running container {container.id}. "
            "Stop the container before attempting removal or force remove"
        )


def exec_in(wish: Exec, containers: Sequence[Container]) -> ExecIn:
    """The command, for the runtime. Raises ApiError where the container does not run."""
    found = find(wish.ref, containers)
    if found.state != "running":
        raise ApiError(f"Container {found.id} is not running")
    return ExecIn(found.task or found.id, *wish[1:])


def port_of(image: str) -> int:
    """Where the process in it listens, which matters only on the network of its machine."""
    found = images.find(image)
    return found.port if found else 80


# ── restart policies of the engine, for plain containers only ────────────────────────────────────────────────────

FIRST_PAUSE, LONGEST_PAUSE = 100 * MS, 60 * SECOND


def restarts(container: Container, code: int, by_hand: bool) -> bool:
    """Whether the engine starts it again, now that it has ended with this code."""
    policy, _, most = container.settings.restart.partition(":")
    if by_hand or policy in ("", "no"):
        return False
    if policy == "on-failure":
        return code != 0 and not (most.isdigit() and 0 < int(most) <= container.restarts)
    return True


def pause(restarts: int) -> int:
    """The engine waits 100 ms, and each time twice as long."""
    return min(FIRST_PAUSE << min(restarts, 10), LONGEST_PAUSE)


def starts_at_boot(container: Container, by_hand: bool) -> bool:
    policy = container.settings.restart
    return policy == "always" or (policy == "unless-stopped" and not by_hand)
