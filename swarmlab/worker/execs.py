"""Commands in containers in two steps, as the Engine API has them: made first, then started, then asked how they ended.

The daemon remembers them as long as it runs, and forgets the oldest. Source: Docker Engine API v1.41, "Exec".
"""

from collections.abc import Sequence

from ..effects import Dice
from ..messages import Container, CreateExec, ExecAnswer, ExecIn, ExecRecord
from ..objects import ApiError
from ..trust import tokens
from . import plain

KEPT = 1000


class Execs:
    """Those of one machine, by id."""

    def __init__(self, dice: Dice):
        self.dice = dice
        self.known: dict[str, ExecRecord] = {}

    def create(self, request: CreateExec, containers: Sequence[Container]) -> str:
        """Its id. Raises ApiError where the container does not run."""
        plain.exec_in(request.wish, containers)
        container = plain.find(request.wish.ref, containers).id
        made = ExecRecord(tokens.container_id(self.dice), container, request.wish._replace(ref=container))
        self.known[made.id] = made
        if len(self.known) > KEPT:
            del self.known[next(iter(self.known))]
        return made.id

    def find(self, id: str) -> ExecRecord:
        """Raises ApiError."""
        if id not in self.known:
            raise ApiError(f"No such exec instance: {id}")
        return self.known[id]

    def start(self, id: str, containers: Sequence[Container]) -> ExecIn:
        """What the runtime has to do. Raises ApiError."""
        record = self.find(id)
        if record.started:
            raise ApiError(f"Error: Exec command {id} has already run")
        inside = plain.exec_in(record.wish, containers)
        self.known[id] = record._replace(started=True)
        return inside

    def ended(self, id: str, answer: ExecAnswer | None) -> None:
        """A command that could not be pretended ends as one that is not found."""
        if id in self.known:
            self.known[id] = self.known[id]._replace(code=answer.code if answer else 126)
