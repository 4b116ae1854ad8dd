"""`python -m benchmarks`: every figure, its floor and its goal."""

from . import (
    answers,
    api,
    batch,
    cluster,
    detectors,
    elections,
    engine,
    gossip,
    kernel,
    linearizability,
    live,
    orchestrators,
    raft,
    redraw,
    scheduler,
    search,
    traffic,
    updates,
    wire,
)


def main() -> None:
    print(f"{'figure':44} {'value':>10} {'unit':14} {'floor':>7} {'goal':>7}         peer in the same run")
    rooms = (
        kernel,
        engine,
        cluster,
        raft,
        elections,
        linearizability,
        search,
        orchestrators,
        scheduler,
        wire,
        traffic,
        batch,
        updates,
        gossip,
        detectors,
        redraw,
        live,
        answers,
        api,
    )
    for figure in (figure for room in rooms for figure in room.figures()):
        numbers = f"{figure.value:10,.2f} {figure.unit:14} {figure.floor:7,g} {figure.goal:7,g}"
        print(f"{figure.name:44} {numbers}  {figure.verdict:6} {figure.peer}", flush=True)


if __name__ == "__main__":
    main()
