"""The live board on 7 nodes and 60 tasks at pace 1: what it adds to a bare clock, on the side of the kernel.

The CPU time of this process over some seconds of the wall clock, with the board and without it. Every message is made as a
kernel makes it: as JSON, signed. The browser has a process of its own: tests/browser says what it looks like.
"""

from time import process_time, sleep

from swarmlab.cluster import Cluster

from .measure import Figure

LASTS = 4.0  # seconds
NODES = {"managers": 3, "workers": 4}


def load(seconds: float = LASTS) -> float:
    """The share of a core that this process takes, in percent."""
    begun = process_time()
    sleep(seconds)
    return (process_time() - begun) / seconds * 100


def followed(cluster: Cluster):
    """A board that somebody sees, and whose messages are made as in a kernel."""
    from jupyter_client.session import Session

    from swarmlab.live import Live

    live, session = Live(cluster), Session(key=b"a key")
    live.send = lambda content, buffers=None: session.serialize(session.msg("comm_msg", {"data": content}))
    live._hear(live, {"open": True}, [])
    return live


def settled() -> Cluster:
    """60 tasks that run."""
    cluster = Cluster(**NODES, seed=7)
    cluster.docker("service create -d --name web --replicas 60 --publish 8080:80 acme/web:1")
    cluster.run_for(60)
    return cluster


def beside(command: str = "") -> tuple[float, float]:
    """The load without a board, and what the board adds; while a command is carried out."""
    found = []
    for with_board in (False, True):
        cluster = settled()
        live = followed(cluster) if with_board else None
        conductor = cluster.conductor(1)
        sleep(0.5)
        if command:
            cluster.docker(command)
        found.append(load())
        if live:
            live.close()
        conductor.stop()
    return found[0], found[1] - found[0]


def figures() -> list[Figure]:
    rows = []
    commands = {"at rest": "", "60 tasks replaced": "service update -d --image acme/web:2 --update-parallelism 10 web"}
    for said, command in commands.items():
        bare, more = beside(command)
        name = f"live board, 7 nodes, 60 tasks, {said}"
        rows.append(Figure(name, more, "% of a core", 10, 5, False, f"a clock without a board: {bare:.2f} %"))
    return rows


if __name__ == "__main__":
    for figure in figures():
        print(f"{figure.name:50} {figure.value:6.2f} {figure.unit}  {figure.verdict}  {figure.peer}")
