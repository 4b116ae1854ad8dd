"""`docker images`, `pull`, `rmi`, `docker volume …` and `docker system df` and `prune`: what one machine keeps.

Source: docs.docker.com, Docker CLI reference; texts as recorded from Docker 28.2.2.
"""

import re
from typing import Any

from ..messages import (
    CreateVolume,
    ListContainers,
    ListImages,
    ListNetworks,
    ListVolumes,
    PullImage,
    RemoveImage,
    RemoveVolume,
)
from ..objects import ApiError
from ..worker import images
from .ask import mapping
from .filters import Tests, has_label, matching
from .flags import Options
from .images import pinned
from .lists import SHORT
from .session import Screen, Session, each
from .tables import Layout, decimal_size, show

IMAGES = Layout(
    {
        "Repository": "REPOSITORY",
        "Tag": "TAG",
        "ID": "IMAGE ID",
        "CreatedSince": "CREATED",
        "CreatedAt": "CREATED AT",
        "Size": "SIZE",
    },
    "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
    "formatter.imageContext",
    raw="repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\n"
    "virtual_size: {{.Size}}\n",
    raw_quiet="image_id: {{.ID}}",
)
VOLUMES = Layout(
    {"Driver": "DRIVER", "Name": "VOLUME NAME", "Scope": "SCOPE", "Mountpoint": "MOUNTPOINT", "Labels": "LABELS"},
    "{{.Driver}}\t{{.Name}}",
    "formatter.volumeContext",
    "{{.Name}}",
    raw="name: {{.Name}}\ndriver: {{.Driver}}\n",
)
USAGE = Layout(
    {"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE"},
    "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    "formatter.diskUsageContext",
)


def _fits(name: str, pattern: str) -> bool:
    """`redis:7*`: a star and a question mark stand for anything but a slash, as in Go's `path.Match`."""
    text = re.escape(pattern).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return re.fullmatch(text, name) is not None


IMAGE_TESTS: Tests = {
    "dangling": lambda row, value: value in ("false", "0"),  # every image here has a name
    "reference": lambda row, value: _fits(row.reference, value) or _fits(row.reference.rpartition(":")[0], value),
}
VOLUME_TESTS: Tests = {
    "dangling": lambda volume, value: (volume.used == 0) == (value in ("true", "1")),
    "driver": lambda volume, value: volume.driver == value,
    "label": lambda volume, value: has_label(volume.labels, value),
    "name": lambda volume, value: value in volume.name,
}
VOLUME_WARNING = (
    "WARNING! This will remove anonymous local volumes not used by at least one container.\n"
    "Are you sure you want to continue? [y/N] "
)
SYSTEM_WARNING = """WARNING! This will remove:
  - all stopped containers
  - all networks not used by at least one container
  - all dangling images
  - unused build cache

Are you sure you want to continue? [y/N] """


# ── images ───────────────────────────────────────────────────────────────────────────────────────────────────────


def list_images(session: Session, options: Options, screen: Screen) -> None:
    wanted = options.words[0] if options.words else ""
    rows = matching(session.call(ListImages()), options["filter"], IMAGE_TESTS)
    found = [_image_row(row, not options["no-trunc"]) for row in rows if _is_meant(row.reference, wanted)]
    show(screen, IMAGES, found, options["format"], options["quiet"])


def _is_meant(reference: str, wanted: str) -> bool:
    return not wanted or wanted in (reference, reference.rpartition(":")[0])


def _image_row(row: Any, trunc: bool) -> dict:
    repository, tag = images.split(row.reference)
    id = images.image_id(row.reference)
    return {
        "Repository": repository,
        "Tag": tag,
        "ID": id[:SHORT] if trunc else f"sha256:{id}",
        "CreatedSince": "N/A",  # when somebody built it, which nobody did
        "CreatedAt": "N/A",
        "Size": decimal_size(row.size),
    }


def pull(session: Session, options: Options, screen: Screen) -> None:
    reference = images.full(options.words[0])
    new = all(row.reference != reference for row in session.call(ListImages()))
    if ":" not in options.words[0].rpartition("/")[2]:
        screen.say("Using default tag: latest")
    session.call(PullImage(reference))
    for line in pull_lines(reference, new):
        screen.say(line)
    screen.say(f"docker.io/{'' if '/' in reference else 'library/'}{reference}")


def pull_lines(reference: str, new: bool) -> list[str]:
    """What is said while an image comes; of its layers, which a real client counts, nothing."""
    repository, tag = images.split(reference)
    status = "Downloaded newer image for" if new else "Image is up to date for"
    return [
        f"{tag}: Pulling from {'' if '/' in repository else 'library/'}{repository}",
        f"Digest: {pinned(reference).partition('@')[2]}",
        f"Status: {status} {reference}",
    ]


def remove_images(session: Session, options: Options, screen: Screen) -> None:
    def do(ref: str) -> None:
        session.call(RemoveImage(ref, options["force"]))
        reference = images.full(ref)
        screen.say(f"Untagged: {reference}\nDeleted: sha256:{images.image_id(reference)}")

    each(options.words, do)


# ── volumes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def list_volumes(session: Session, options: Options, screen: Screen) -> None:
    volumes = matching(session.call(ListVolumes()), options["filter"], VOLUME_TESTS)
    show(screen, VOLUMES, [_volume_row(one) for one in volumes], options["format"], options["quiet"])


def _volume_row(volume: Any) -> dict:
    return {
        "Driver": volume.driver,
        "Name": volume.name,
        "Scope": "local",
        "Mountpoint": f"/var/lib/docker/volumes/{volume.name}/_data",
        "Labels": ",".join(sorted(f"{name}={value}" for name, value in volume.labels.items())),
    }


def create_volume(session: Session, options: Options, screen: Screen) -> None:
    name = options.words[0] if options.words else options["name"]
    screen.say(session.call(CreateVolume(name, options["driver"], mapping(options["label"]), dict(options["opt"]))))


def remove_volumes(session: Session, options: Options, screen: Screen) -> None:
    def do(ref: str) -> None:
        try:
            session.call(RemoveVolume(ref))
        except ApiError as refusal:
            if options["force"] and refusal.text.endswith("no such volume"):
                return
            raise
        screen.say(ref)

    each(options.words, do)


def prune_volumes(session: Session, options: Options, screen: Screen) -> None:
    """Volumes that nobody named, unless --all is said."""
    if not options["force"]:
        screen.out.append(VOLUME_WARNING)
        return
    gone = _prune_volumes(session, options["all"])
    if gone:
        screen.say("\n".join(["Deleted Volumes:", *gone, ""]))
    screen.say("Total reclaimed space: 0B")


def _prune_volumes(session: Session, everything: bool) -> list[str]:
    unused = [one.name for one in session.call(ListVolumes()) if one.used == 0 and (everything or one.anonymous)]
    for name in unused:
        session.call(RemoveVolume(name))
    return unused


# ── the whole machine ────────────────────────────────────────────────────────────────────────────────────────────


def disk_usage(session: Session, options: Options, screen: Screen) -> None:
    kept, volumes = session.call(ListImages()), session.call(ListVolumes())
    containers = session.call(ListContainers(all=True))
    total, free = sum(row.size for row in kept), sum(row.size for row in kept if not row.used)
    share = f" ({free * 100 // total}%)" if total else ""
    rows = [
        _usage("Images", len(kept), sum(row.used > 0 for row in kept), decimal_size(total), decimal_size(free) + share),
        _usage("Containers", len(containers), sum(one.state == "running" for one in containers)),
        _usage("Local Volumes", len(volumes), sum(one.used > 0 for one in volumes)),
        _usage("Build Cache", 0, 0),
    ]
    show(screen, USAGE, rows, options["format"])


def _usage(kind: str, total: int, active: int, size: str = "0B", free: str = "0B") -> dict:
    return {"Type": kind, "TotalCount": str(total), "Active": str(active), "Size": size, "Reclaimable": free}


def prune_system(session: Session, options: Options, screen: Screen) -> None:
    """Without --force Docker asks first, and nobody is there to say yes."""
    if not options["force"]:
        screen.out.append(SYSTEM_WARNING)
        return
    from .containers import prune_containers  # it prints what this room says of pulls
    from .networks import prune_networks

    gone = [("Containers", prune_containers(session, session.call(ListContainers(all=True))))]
    gone.append(("Volumes", _prune_volumes(session, everything=False) if options["volumes"] else []))
    gone.append(("Networks", prune_networks(session, session.call(ListNetworks()))))
    freed = 0
    for row in session.call(ListImages()) if options["all"] else ():
        if not row.used:
            session.call(RemoveImage(row.reference))
            freed += row.size
    for kind, names in gone:
        if names:
            screen.say("\n".join([f"Deleted {kind}:", *names, ""]))
    screen.say(f"Total reclaimed space: {decimal_size(freed)}")


RUN = {
    "images": list_images,
    "pull": pull,
    "rmi": remove_images,
    "system df": disk_usage,
    "system prune": prune_system,
    "volume create": create_volume,
    "volume ls": list_volumes,
    "volume prune": prune_volumes,
    "volume rm": remove_volumes,
}
