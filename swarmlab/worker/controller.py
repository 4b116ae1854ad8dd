"""One task's walk on its node: from assigned to running, and to its end.

Plain functions over one record: `next_step` is what the agent does of its own accord, `hear` what follows from an
answer of the container runtime. States only grow. Source: SwarmKit design/task_model.md; swarmkit agent/exec.
"""

# Simpler than in reality (docs/simplifications.md): exit-137, pull-cancelled

from typing import NamedTuple

from ..effects import NEVER, SECOND
from ..messages import Broken, ContainerSettings, Exited, HealthIs, Prepare, Prepared, Running, Start, Stop
from ..objects import (
    ACCEPTED,
    ASSIGNED,
    COMPLETE,
    FAILED,
    PREPARING,
    READY,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    STARTING,
    Description,
    Task,
)
from .executor import KILLED, TASK_LABEL
from .expansion import expanded
from .health import HEALTHY, UNHEALTHY

ANYWHERE = Description()
LEAVE_TIME = 2 * SECOND  # between leaving the load balancers and the stop signal, so that requests on their way arrive
ADDRESS_PATIENCE = 30 * SECOND  # how long a task waits for an address of its node on each of its networks
NO_ADDRESS = "node is missing network attachments, ip addresses may be exhausted"

BEGIN = {  # what the agent begins, in which state, as which it is then reported
    ASSIGNED: (ACCEPTED, "accepted"),
    ACCEPTED: (PREPARING, "preparing"),
    READY: (STARTING, "starting"),
}
FINISH = {  # what the runtime's answers finish
    (PREPARING, Prepared): (READY, "prepared"),
    (STARTING, Running): (RUNNING, "started"),
}


class Work(NamedTuple):
    """A task as its node has it: the assignment, and how far it got."""

    task: Task
    state: int = ASSIGNED
    message: str = ""
    err: str = ""
    at: int = 0
    container: str = ""
    exit_code: int = 0
    leaving: str = ""  # '' · withdrawn: no more new requests · stopping: the stop signal is sent
    wake: int = NEVER  # when the time for leaving, or for waiting, is over
    waits: bool = False  # in preparing, for an address of its node
    unhealthy: bool = False  # its health checks say so, and it is stopped for that

    @property
    def is_attached(self) -> bool:
        """Has the container its interfaces?"""
        return STARTING <= self.state <= RUNNING

    @property
    def is_serving(self) -> bool:
        """May load balancers send requests here?"""
        return self.state == RUNNING and not self.leaving


def next_step(
    work: Work, attached: bool, now: int, node: Description = ANYWHERE, addressed: bool = True
) -> tuple[Work, list]:
    """One step that need not wait for anything, and what to tell the runtime; the same work if there is none.

    `attached`: the task is on a network of the swarm, so others may just now be sending to it. `node` is where it is;
    `addressed`: that has an address on each network of the task.
    """
    if work.state >= COMPLETE:
        return work, []
    if work.task.spec.attachment:
        return _lend(work, addressed, now), []
    if work.task.desired >= SHUTDOWN or work.unhealthy:
        return _shut_down(work, attached, now)
    if work.waits:
        return _wait(work, addressed, now, node)
    if work.state in BEGIN and work.state < work.task.desired:
        begun = _moved(work, *BEGIN[work.state], now)
        if begun.state == PREPARING and not addressed:
            return begun._replace(waits=True, wake=now + ADDRESS_PATIENCE), []
        return begun, request(work.task, begun.state, node)
    return work, []


def _lend(work, addressed, now):
    """An address for a plain container: the engine runs that, here it is only held."""
    if addressed and work.state < RUNNING:
        return _moved(work, RUNNING, "started", now)
    if work.waits and now >= work.wake:
        return _moved(work, REJECTED, work.message, now)._replace(err=NO_ADDRESS)
    if addressed or work.waits:
        return work
    return _moved(work, PREPARING, "preparing", now)._replace(waits=True, wake=now + ADDRESS_PATIENCE)


def _wait(work, addressed, now, node):
    """The address mostly comes with the task; where a network is full it does not."""
    if addressed:
        return work._replace(waits=False, wake=NEVER), request(work.task, PREPARING, node)
    if now >= work.wake:
        return _moved(work, REJECTED, work.message, now)._replace(err=NO_ADDRESS), []
    return work, []


def _shut_down(work, attached, now):
    if not work.leaving and attached:  # in whatever state: moby's controller sleeps before it looks for a container
        return work._replace(leaving="withdrawn", wake=now + LEAVE_TIME, waits=False), []
    if work.leaving == "stopping" or (work.leaving and now < work.wake):
        return work, []
    if work.state < STARTING:  # nothing runs yet; a pull that is under way may end for nothing
        return _moved(work, SHUTDOWN, "shutdown", now), []
    stop = Stop(work.task.id, work.task.spec.container.stop_grace_period)
    return work._replace(leaving="stopping", wake=NEVER), [stop]


def hear(work: Work, answer, now: int) -> Work:
    """What an answer of the runtime means for the task; late answers mean nothing."""
    if work.state >= COMPLETE:
        return work
    match answer:
        case Broken(_, reason):
            # Only `err` tells of a failure: `message` stays that of the last good state.
            return _moved(work, REJECTED if work.state < STARTING else FAILED, work.message, now)._replace(err=reason)
        case Exited(_, code) if work.state >= STARTING:
            return _exited(work._replace(exit_code=code), code, now)
        case HealthIs(_, status) if work.state >= STARTING:
            return _judged(work, status, now)
        case Running(_, health) if health:
            return work  # it stays in starting until somebody knows
        case _ if not work.leaving and (work.state, type(answer)) in FINISH:
            container = answer.container if isinstance(answer, Prepared) else work.container
            return _moved(work, *FINISH[work.state, type(answer)], now)._replace(container=container)
    return work


def _judged(work, status, now):
    """The first success of its health checks makes it run, and only then it is sent requests."""
    if status == HEALTHY and work.state == STARTING and not work.leaving:
        return _moved(work, *FINISH[STARTING, Running], now)
    return work._replace(unhealthy=True) if status == UNHEALTHY else work


def _exited(work, code, now):
    if work.task.desired >= SHUTDOWN:
        return _moved(work, SHUTDOWN, "shutdown", now)
    if code == 0:
        return _moved(work, COMPLETE, "finished", now)
    why = ": dockerexec: unhealthy container" if work.unhealthy else ""
    return _moved(work, FAILED, work.message, now)._replace(err=f"task: non-zero exit ({code}){why}")


def resume(work: Work, now: int, node: Description = ANYWHERE) -> tuple[Work, list]:
    """After a boot: ask again for what was begun; what was running is found dead.

    A daemon that dies alone and returns stops its orphaned containers, which then exit with 0 (`Complete`); here
    the whole machine lost power, and a killed process has exit code 137.
    """
    if work.state == RUNNING or work.unhealthy:
        return hear(work._replace(unhealthy=False), Exited(work.task.id, KILLED), now), []
    if work.waits:
        return work._replace(wake=now + ADDRESS_PATIENCE), []
    return work._replace(leaving="", wake=NEVER), request(work.task, work.state, node)


def request(task: Task, state: int, node: Description) -> list:
    """What to tell the runtime when a task enters this state."""
    if state == STARTING:
        return [Start(task.id)]
    return [prepare(task, node)] if state == PREPARING else []


def prepare(task: Task, node: Description) -> Prepare:
    spec = expanded(task, node)
    labels = {
        "com.docker.swarm.node.id": task.node,
        "com.docker.swarm.service.id": task.service,
        "com.docker.swarm.service.name": task.service_name,
        "com.docker.swarm.task": "",
        TASK_LABEL: task.id,
        "com.docker.swarm.task.name": f"{task.name}.{task.id}",
    }
    # Ports of the ingress network are opened by the mesh of every node, only host ports by the container itself.
    ports = tuple(port for port in task.ports if port.publish_mode == "host")
    args = (*spec.command, *spec.args)
    driver = task.log_driver or task.spec.log_driver
    user = spec.options.get("user", "")
    settings = ContainerSettings(spec.env, spec.hostname, spec.mounts, driver, healthcheck=spec.healthcheck, user=user)
    return Prepare(task.id, spec.image, f"{task.name}.{task.id}", args, {**spec.labels, **labels}, ports, settings)


def _moved(work, state, message, now):
    return work._replace(state=state, message=message, at=now, leaving="", wake=NEVER, waits=False)
