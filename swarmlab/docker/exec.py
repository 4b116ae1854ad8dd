"""`docker exec`: a command in a container that runs on this machine. Its exit code is that of the command.

Source: docs.docker.com, `docker container exec`; texts of Docker Engine 20.10.
"""

from ..messages import Exec, ExecAnswer
from .ask import environment
from .flags import Options
from .session import Exit, Screen, Session


def exec_in(session: Session, options: Options, screen: Screen) -> None:
    """Nothing is read from the keyboard: a shell that waits for it is refused where it would run."""
    ref, *words = options.words
    wish = Exec(ref, tuple(words), environment(options, session), options["user"], options["workdir"])
    answer: ExecAnswer = session.call(wish)
    if options["detach"]:
        return
    screen.out.append(answer.stdout)
    screen.err.append(answer.stderr)
    if answer.code:
        raise Exit("", answer.code)


RUN = {"exec": exec_in}
