"""The images that one machine has, and how it gets more: from the registry, asked again when no answer comes.

Source: Docker documentation, "docker image pull", "docker image ls", "docker image rm".
"""

from collections.abc import Sequence

from ..effects import NEVER, SECOND, Disk, Note, Save, Send, Tell
from ..events import ImagePulled, PullStarted
from ..messages import Container, ImageRow, Reply
from ..objects import ApiError
from . import images
from .events import Recent
from .registry import Pull

PULL_PATIENCE = 60 * SECOND  # then the registry is asked again; doubled each time, for images too large for the line


class Shelf:
    """Images by reference, oldest first; pulls under way, and the calls that wait for them."""

    def __init__(self, disk: Disk, recent: Recent):
        self.images: tuple[str, ...] = disk.values.get("images", ())
        self.recent = recent
        self.pulls: dict[str, tuple[int, int]] = {}  # image → when it is asked for again, and the patience then
        self.callers: dict[str, list[tuple[str, int]]] = {}  # image → (core, number of its call)
        self.deadline = NEVER

    def pull(self, reference: str, now: int) -> list:
        """Ask for an image that is not here, unless that was done already."""
        if reference in self.pulls:
            return []
        return [Note(PullStarted(reference)), self._ask(reference, PULL_PATIENCE, now)]

    def answer_pull(self, sender: str, number: int, reference: str, now: int) -> list:
        """`docker pull`: answered when the image is here."""
        if reference in self.images:
            return [Tell(sender, Reply(number))]
        self.callers.setdefault(reference, []).append((sender, number))
        return self.pull(reference, now)

    def wake(self, now: int) -> list:
        """What has not come in time is asked for again."""
        due = [(reference, patience) for reference, (time, patience) in self.pulls.items() if time <= now]
        return [self._ask(reference, patience, now) for reference, patience in due]

    def _ask(self, reference, patience, now):
        self.pulls[reference] = now + patience, patience * 2
        self._set_deadline()
        return Send("registry", "registry", Pull(reference))

    def _set_deadline(self):
        self.deadline = min((time for time, _ in self.pulls.values()), default=NEVER)

    def arrived(self, reference: str, size: int, now: int) -> list:
        """It is here; nothing, if it was here before."""
        if reference in self.images:
            return []
        self.images = (*self.images, reference)
        self.recent.note(now, "image", "pull", reference, ("name", images.split(reference)[0]))
        return [Save("images", self.images), Note(ImagePulled(reference, size)), *self._done(reference)]

    def refused(self, reference: str, reason: str) -> list:
        """The registry does not have it."""
        return self._done(reference, reason)

    def _done(self, reference, error=None):
        self.pulls.pop(reference, None)
        self._set_deadline()
        return [Tell(sender, Reply(number, error=error)) for sender, number in self.callers.pop(reference, ())]

    def listed(self, containers: Sequence[Container]) -> tuple[ImageRow, ...]:
        """Newest first."""
        used = [images.full(one.image) for one in containers]
        return tuple(ImageRow(ref, _size(ref), used.count(ref)) for ref in reversed(self.images))

    def remove(self, ref: str, force: bool, containers: Sequence[Container], now: int) -> list:
        """`docker rmi`. Raises ApiError for an image that is not here, or in use."""
        reference = images.full(ref)
        if reference not in self.images:
            raise ApiError(f"No such image: {reference}")
        users = [one for one in containers if images.full(one.image) == reference]
        if users:
            _check_users(reference, force, users)
        self.images = tuple(one for one in self.images if one != reference)
        self.recent.note(now, "image", "delete", reference, ("name", reference))
        return [Save("images", self.images)]


def _size(reference):
    image = images.find(reference)
    return image.size if image else 0


def _check_users(reference, force, users):
    """One that runs keeps its image for certain, one that has ended unless it is forced."""
    running = [one for one in users if one.state == "running"]
    if force and not running:
        return
    user = (running or users)[0]
    how, which = ("cannot be forced", "running container") if running else ("must force", "container")
    text = f'conflict: unable to remove repository reference "{reference}" ({how}) - {which} {user.id[:12]}'
    raise ApiError(f"{text} is using its referenced image {images.image_id(reference)[:12]}")
