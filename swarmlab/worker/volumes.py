"""Where containers of one machine keep data: named volumes, folders of the machine, and what is refused.

A named volume is made on the node on which the first container with it is made. It stays when the container goes, and
it follows no task to another node. Source: Docker documentation, "Volumes", "Bind mounts"; recorded with 20.10.
"""

# Simpler than in reality (docs/simplifications.md): bind-mounts, volumes

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from ..effects import Disk, Save
from ..messages import Container, CreateVolume, Volume
from ..objects import ApiError, Mount
from .events import Recent

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")

# The machines have no files. As the source of a bind mount these folders and files exist, and nothing else.
ON_EVERY_MACHINE = frozenset(
    """/ /bin /boot /dev /etc /etc/hostname /etc/hosts /etc/localtime /etc/passwd /etc/resolv.conf /etc/timezone /home
    /lib /mnt /opt /proc /root /run /run/docker.sock /srv /sys /tmp /usr /var /var/lib /var/lib/docker
    /var/lib/docker/containers /var/lib/docker/volumes /var/log /var/run /var/run/docker.sock""".split()
)


def check_mounts(mounts: Iterable[Mount]) -> None:
    """Raise ApiError for a mount with which no container can be made here."""
    for mount in mounts:
        if mount.type == "bind":
            _check_bind(mount.source)
        if not mount.target.startswith("/"):
            _refuse(mount.type, f"invalid mount path: '{mount.target}' mount path must be absolute")
        if mount.type == "volume" and mount.source and not NAME.fullmatch(mount.source):
            _refuse("volume", _bad_name(mount.source))


def _check_bind(source: str) -> None:
    if not source:
        _refuse("bind", "field Source must not be empty")
    if not source.startswith("/"):
        _refuse("bind", f"invalid mount path: '{source}' mount path must be absolute")
    path = source.rstrip("/") or "/"
    if path not in ON_EVERY_MACHINE and not path.startswith(("/proc/", "/sys/", "/dev/")):
        _refuse("bind", f"bind source path does not exist: {source}")


def _refuse(kind: str, why: str) -> None:
    raise ApiError(f'invalid mount config for type "{kind}": {why}')


def _bad_name(name: str) -> str:
    why = "If you intended to pass a host directory, use absolute path"
    return f'"{name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. {why}'


def names(container: Container) -> list[str]:
    """The volumes that a container has, in the order of its mounts."""
    return [name_of(mount, container.id) for mount in container.settings.mounts if mount.type == "volume"]


def name_of(mount: Mount, container: str) -> str:
    """Its name; a volume that nobody named gets 64 hexadecimal digits."""
    return mount.source or sha256(f"{container} {mount.target}".encode()).hexdigest()


class Volumes:
    """The volumes of one machine, by name."""

    def __init__(self, disk: Disk, recent: Recent):
        self.known: dict[str, Volume] = disk.values.get("volumes", {})
        self.contents = {name[8:]: value for name, value in disk.values.items() if name.startswith("content ")}
        self.recent = recent

    def listed(self, containers: Iterable[Container]) -> tuple[Volume, ...]:
        """All of them by name, with how many containers use each."""
        used = [name for container in containers for name in names(container)]
        return tuple(volume._replace(used=used.count(name)) for name, volume in sorted(self.known.items()))

    def make_for(self, container: Container, now: int) -> list:
        """Make what a new container needs and the machine does not have."""
        made = {}
        for mount in container.settings.mounts:
            name = name_of(mount, container.id)
            if mount.type == "volume" and name not in self.known:
                labels, options = mount.options.get("labels", {}), mount.options.get("driver_options", {})
                driver = mount.options.get("driver") or "local"
                made[name] = Volume(name, driver, labels, options, now, anonymous=not mount.source)
        return self._made(list(made.values()), now)

    def create(self, request: CreateVolume, random_name: str, now: int) -> tuple[list, str]:
        """`docker volume create`, and the name; one that is there already is no error. Raises ApiError."""
        if request.driver != "local":
            raise ApiError(f'error looking up volume plugin {request.driver}: plugin "{request.driver}" not found')
        if request.name and not NAME.fullmatch(request.name):
            raise ApiError(f"create {request.name}: {_bad_name(request.name)}")
        name, labels, options = request.name or random_name, request.labels, request.options
        made = Volume(name, "local", labels, options, now, anonymous=not request.name)
        return self._made([] if name in self.known else [made], now), name

    def remove(self, ref: str, containers: Iterable[Container], now: int) -> list:
        """Raises ApiError for a volume that is not there, or that a container has, running or not."""
        if ref not in self.known:
            raise ApiError(f"get {ref}: no such volume")
        users = [container.id for container in containers if ref in names(container)]
        if users:
            raise ApiError(f"remove {ref}: volume is in use - [{', '.join(users)}]")
        return self._drop([ref], now)

    def drop_unnamed(self, container: Container, now: int) -> list:
        """The agent always removes the volumes that nobody named with their container, a person may."""
        own = [self.known.get(name) for name in names(container)]
        return self._drop([volume.name for volume in own if volume and volume.anonymous], now)

    def _made(self, volumes, now):
        for volume in volumes:
            self.recent.note(now, "volume", "create", volume.name, ("driver", volume.driver))
        return self._keep(self.known | {volume.name: volume for volume in volumes}) if volumes else []

    def _drop(self, gone, now):
        for name in gone:
            self.recent.note(now, "volume", "destroy", name, ("driver", "local"))
        emptied = [Save(f"content {name}", None) for name in gone if self.contents.pop(name, None) is not None]
        kept = {name: one for name, one in self.known.items() if name not in gone}
        return [*emptied, *(self._keep(kept) if gone else [])]

    def content(self, name: str) -> Any:
        """What an application has written in a volume; None for nothing."""
        return self.contents.get(name)

    def write(self, name: str, content: Any) -> list:
        """An application writes in a volume that the machine has."""
        if name not in self.known:
            return []
        self.contents[name] = content
        return [Save(f"content {name}", content, vital=False)]

    def _keep(self, known):
        self.known = known
        return [Save("volumes", known)]
