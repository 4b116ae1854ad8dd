"""What an engine answers, and this one does not: each is refused in one line that says so.

Source: Docker Engine API v1.47; which commands ask for them: Docker CLI reference.
"""

# Simpler than in reality (docs/simplifications.md): missing

from collections.abc import Callable

from ..session import Session
from .asked import Asked, Refusal

ABSENT = """
docker diff          GET    /containers/{ref}/changes
docker export        GET    /containers/{ref}/export
docker cp            GET    /containers/{ref}/archive
docker cp            PUT    /containers/{ref}/archive
docker pause         POST   /containers/{ref}/pause
docker unpause       POST   /containers/{ref}/unpause
docker update        POST   /containers/{ref}/update
docker commit        POST   /commit
docker build         POST   /build
docker search        GET    /images/search
docker tag           POST   /images/{name...}/tag
docker push          POST   /images/{name...}/push
docker save          GET    /images/get
docker save          GET    /images/{name...}/get
docker load          POST   /images/load
docker volume update PUT    /volumes/{name}
docker plugin        POST   /plugins/pull
docker plugin        POST   /plugins/create
"""


def _refusing(command: str) -> Callable:
    def refuse(session: Session, asked: Asked) -> None:
        raise Refusal(501, f"{command}: not in this simulation")

    return refuse


ROUTES = tuple(
    (method, template, _refusing(" ".join(command)))
    for *command, method, template in map(str.split, ABSENT.strip().splitlines())
)
