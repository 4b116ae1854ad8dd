"""Docker Hub in one page: it answers whoever asks for an image with its layers, or with a refusal.

It lives on a machine of its own outside the swarm. The layers are as heavy as `images.yml` says, so how long a pull
takes is for the network to decide. Source: OCI Distribution Specification, §Pull; error texts of Docker Engine 20.10.
"""

# Simpler than in reality (docs/simplifications.md): tags, registry-mirror

from typing import NamedTuple

from ..effects import NEVER, Dice, Disk, Received, Send
from . import images


class Pull(NamedTuple):
    """Executor → registry: send me this image."""

    image: str


class Layers(NamedTuple):
    """Registry → executor: here it is, `size` bytes of it."""

    image: str
    size: int


class Absent(NamedTuple):
    """Registry → executor: there is no such thing. `reason` is what `docker pull` prints."""

    image: str
    reason: str


class Registry:
    """Answers pulls, remembers nothing."""

    def __init__(self, machine: str, disk: Disk, dice: Dice):
        self.machine = machine
        self.deadline = NEVER

    def step(self, event, now: int) -> list:
        match event:
            case Received(sender, Pull(reference)):
                return [self._answer(sender, reference)]
        return []

    def _answer(self, sender, reference):
        image = images.find(reference)
        if image is None:
            return Send(sender, "executor", Absent(reference, images.refusal(reference)))
        return Send(sender, "executor", Layers(reference, image.size), image.size)
