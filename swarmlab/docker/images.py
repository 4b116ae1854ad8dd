"""Image references: which are well formed, and how the client writes them to the engine.

Source: Docker documentation, "docker image tag" (the parts of a reference); docker 28.2.2.
"""

import re
from hashlib import sha256

from ..objects import ServiceSpec, replace
from ..worker import images

_HOST = r"(?:(?!-)[a-zA-Z0-9-]+(?<!-)(?:\.(?!-)[a-zA-Z0-9-]+(?<!-))*|\[[a-fA-F0-9:]+\])(?::\d+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_PART}(?:/{_PART})*)(?::(?P<tag>\w[\w.-]{{0,127}}))?"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII,
)
_ID = re.compile(r"[0-9a-f]{64}")


def full_image(image: str) -> str:
    """As the client sends it: `nginx` → `nginx:latest`, `docker.io/library/nginx:1` → `nginx:1`."""
    found = _REFERENCE.fullmatch(image)
    if not found or _ID.fullmatch(image):
        return image
    name = re.sub(r"^(index\.)?docker\.io/(library/)?", "", found["name"])
    name = re.sub(r"^library/(?=[^/]+$)", "", name)
    tag = found["tag"] or ("" if found["digest"] else "latest")
    return f"{name}{tag and ':'}{tag}{found['digest'] or ''}"


def pinned(image: str) -> str:
    """The image with the digest that the registry has for it: what every node then runs, whatever the tag means later.

    There is no real registry: the digest is made of the name alone, so that it is the same in every run.
    """
    if "@" in image or image_fault(image) or images.find(image) is None:
        return image
    return f"{image}@sha256:{sha256(f'swarmlab {images.full(image)}'.encode()).hexdigest()}"


def resolved(spec: ServiceSpec) -> ServiceSpec:
    """The spec with its image pinned, and the platforms that the image is built for."""
    container, placement = spec.task.container, spec.task.placement
    known = images.find(container.image.partition("@")[0])
    container = replace(container, image=pinned(container.image))
    placement = replace(placement, platforms=known.platforms) if known else placement
    return replace(spec, task=replace(spec.task, container=container, placement=placement))


def image_fault(image: str) -> str:
    """What is wrong with a reference, in Docker's words; nothing: ''."""
    if not image:
        return "no image specified"
    if _REFERENCE.fullmatch(image) or _ID.fullmatch(image):
        return ""
    host, slash, rest = image.partition("/")
    if not slash or not (set(".:") & set(host) or host == "localhost" or host != host.lower()):
        rest = image if slash else f"library/{image}"
    path = rest.partition("@")[0]
    path = path.rpartition(":")[0] or path
    if path != path.lower():
        return f"invalid reference format: repository name ({path}) must be lowercase"
    return "invalid reference format"
