"""`/images`, `/distribution`, `/build/prune`: the images of one machine, and what the pretend registry has.

Source: Docker Engine API v1.47, "Image", "Distribution"; moby `api/server/router/image/image_routes.go`.
"""

# Simpler than in reality (docs/simplifications.md): image-dates

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ...messages import ImageRow, ListImages, PullImage, RemoveImage
from ...objects import ApiError
from ...worker import images
from .. import api_engine, inspect_here
from ..filters import matching
from ..images import image_fault
from ..prunes import until
from ..session import Session
from ..storage import IMAGE_TESTS, pull_lines
from .asked import Answer, Asked, Refusal, Streamed, filters_of, flag
from .clock import shown
from .queries import pairs

NO_MANIFEST = "manifest unknown: manifest unknown"
NO_DATE = -62_135_596_800  # the first second of Go's calendar: clients show N/A for when it was built
NOT_MEASURED = -1  # of what is told only to those who ask for it
PRUNE = ("dangling", "label", "label!", "until")


def list_images(session: Session, asked: Asked) -> Answer:
    rows = matching(session.call(ListImages()), pairs(filters_of(asked)), IMAGE_TESTS)
    return Answer(body=image_rows(rows, NOT_MEASURED))


def image_rows(rows: Sequence[ImageRow], shared: int) -> list[dict[str, Any]]:
    """Lines of a list of images. With the size that they share, it is counted too how many containers use them."""
    return [_row(row, shared, NOT_MEASURED if shared == NOT_MEASURED else row.used) for row in rows]


def _row(row: ImageRow, shared: int, used: int) -> dict[str, Any]:
    digest = api_engine.digest(row.reference)
    return {
        "Containers": used,
        "Created": NO_DATE,
        "Id": f"sha256:{images.image_id(row.reference)}",
        "Labels": None,
        "ParentId": "",
        "RepoDigests": [f"{images.split(row.reference)[0]}@{digest}"] if digest else [],
        "RepoTags": [row.reference],
        "SharedSize": shared,
        "Size": row.size,
        "VirtualSize": row.size,
    }


def get(session: Session, asked: Asked) -> Answer:
    return Answer(body=shown(session, inspect_here.image(session, asked.names["name"])))


def history(session: Session, asked: Asked) -> Answer:
    """An image of the pretend registry is one layer."""
    image = inspect_here.image(session, asked.names["name"]).json(0)
    layer = {"Comment": "", "Created": NO_DATE, "CreatedBy": "", "Id": image["Id"], "Size": image["Size"]}
    return Answer(body=[{**layer, "Tags": image["RepoTags"]}])


# ── to and fro ───────────────────────────────────────────────────────────────────────────────────────────────────────


def create(session: Session, asked: Asked) -> Streamed:
    """`docker pull`: lines of progress. What no registry has is refused before the first one."""
    if not asked.query.get("fromImage"):
        raise Refusal(501, "images come from the pretend registry alone: say fromImage")
    reference = _wellformed(_wanted(asked))
    if images.find(reference) is None:
        _refuse(session, reference)
    return Streamed(_pulled(session, images.full(reference)), (("Content-Type", "application/json"),))


def _wanted(asked: Asked) -> str:
    """`?fromImage=nginx&tag=alpine`; a tag may be a digest."""
    name, tag = asked.query["fromImage"], asked.query.get("tag", "")
    return f"{name}{'@' if ':' in tag else ':'}{tag}" if tag else name


def _wellformed(reference: str) -> str:
    """Raises `Refusal`."""
    if fault := image_fault(reference):
        raise Refusal(400, fault)
    return reference


def _refuse(session: Session, reference: str) -> None:
    """The registry says why. Raises `Refusal`."""
    try:
        session.call(PullImage(images.full(reference)))
    except ApiError as refusal:
        raise Refusal(404, refusal.text) from None


def _pulled(session: Session, reference: str) -> Iterator[bytes]:
    """A line as soon as it is on the way, the others when it is here."""
    new = all(row.reference != reference for row in session.call(ListImages()))
    first, *others = pull_lines(reference, new)
    tag, _, text = first.partition(": ")
    yield _line({"status": text, "id": tag})
    try:
        session.call(PullImage(reference))
    except ApiError as refusal:
        yield _line({"errorDetail": {"message": refusal.text}, "error": refusal.text})
        return
    yield b"".join(_line({"status": line}) for line in others)


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\r\n"


def remove(session: Session, asked: Asked) -> Answer:
    """By name or by the beginning of an id."""
    return Answer(body=_removed(session, _reference(session, asked.names["name"]), flag(asked, "force")))


def _reference(session: Session, ref: str) -> str:
    """The name of the image of that id; what is no id stays as it is."""
    rows, full = session.call(ListImages()), images.full(ref)
    if any(row.reference == full for row in rows):
        return full
    start = ref.removeprefix("sha256:")
    return next((row.reference for row in rows if images.image_id(row.reference).startswith(start)), full)


def _removed(session: Session, reference: str, force: bool = False) -> list[dict[str, str]]:
    session.call(RemoveImage(reference, force))
    return [{"Untagged": reference}, {"Deleted": f"sha256:{images.image_id(reference)}"}]


def prune(session: Session, asked: Asked) -> Answer:
    """Those that have no name, and there are none; with `dangling=false` all that no container uses."""
    wanted = filters_of(asked)
    if wrong := [name for name in wanted if name not in PRUNE]:
        raise Refusal(400, f"invalid filter '{wrong[0]}'")
    until(wanted.get("until", ()), session.now)  # each was made before all time
    everything = any(value in ("false", "0") for value in wanted.get("dangling", ()))
    rows: Sequence[ImageRow] = session.call(ListImages()) if everything and not wanted.get("label") else ()
    unused = [row for row in rows if not row.used]
    gone = [line for row in unused for line in _removed(session, row.reference)]
    return Answer(body={"ImagesDeleted": gone or None, "SpaceReclaimed": sum(row.size for row in unused)})


def prune_builds(session: Session, asked: Asked) -> Answer:
    """Nothing is built here."""
    return Answer(body={"CachesDeleted": None, "SpaceReclaimed": 0})


def distribution(session: Session, asked: Asked) -> Answer:
    """What the registry knows of an image: the digest by which all nodes run the same."""
    reference = _wellformed(asked.names["name"])
    if images.find(reference) is None:
        raise Refusal(404, NO_MANIFEST)
    return Answer(body=shown(session, api_engine.distribution(reference)))


ROUTES = (
    ("GET", "/images/json", list_images),
    ("POST", "/images/create", create),
    ("POST", "/images/prune", prune),
    ("GET", "/images/{name...}/json", get),
    ("GET", "/images/{name...}/history", history),
    ("DELETE", "/images/{name...}", remove),
    ("POST", "/build/prune", prune_builds),
    ("GET", "/distribution/{name...}/json", distribution),
)
