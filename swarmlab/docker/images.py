"""Image references: which are well formed, and how the client writes them to the engine.

Source: Docker documentation, "docker image tag" (the parts of a reference); docker 28.2.2.
"""

import re

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
