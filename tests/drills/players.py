"""Four players for every drill: who diagnoses and repairs, who repairs the wrong thing, who waits, who tears all down."""

from swarmlab.drills import Drill
from swarmlab.world import OUTSIDE

LOOKS = (
    "service ls",
    "node ls",
    "service ps {service}",
    "service inspect --pretty {service}",
    "network ls",
    "node ps {node}",
)
SERVICE = {1: "catalogue", 5: "api", 6: "{name}", 8: "shop"}


def looks(drill):
    """A diagnosis of realistic length: half a minute of reading, six commands."""
    service = SERVICE.get(number(drill), "web").format(**drill.incident.chosen)
    for line in LOOKS:
        drill.docker(line.format(service=service, node="worker-1"))
    drill.run_for(30)


def number(drill):
    return int(drill.incident.path[:2])


def must(drill, *commands, node=None, **options):
    for command in commands:
        said = drill.docker(command, node, **options)
        assert said.exit_code == 0, f"{command}: {said.stderr}"


# ── right: the shortest repair ───────────────────────────────────────────────────────────────────────────────────────


def right(drill):
    looks(drill)
    chosen = drill.incident.chosen
    RIGHT[number(drill)](drill, **chosen)


def relabel(drill, first, second):
    must(drill, f"node update --label-add disk=ssd {first}", f"node update --label-add disk=ssd {second}")


def open_tunnels(drill, victim):
    drill.cluster.unblock(victim, 4789)


def move_network(drill, big):
    must(drill, "service update -d --network-rm front --network-add wide --update-parallelism 2 web")


def replace_slow(drill, slot):
    run = next(run for run in drill.cluster.running if run.service == "web" and run.slot == int(slot))
    must(drill, f"rm -f $(docker ps -q --filter name=web.{slot}.)", node=run.machine)


def reconnect(drill, door):
    must(drill, "service update -d --force --update-parallelism 2 api")


def start_period(drill, name):
    must(drill, f"service update -d --health-start-period 20s {name}")


def roll_back(drill, first, second):
    must(drill, "service rollback -d web")


def throw_out(drill, stranger):
    must(drill, "swarm join-token --rotate worker", f"node rm --force {stranger}")
    must(drill, "secret create new -", files={"-": "battery-staple"})
    for service in ("shop", "agent"):
        must(drill, f"service update -d --secret-rm db_password --secret-add source=new,target=db_password {service}")


def new_group(drill, lost, gone, left):
    must(drill, "swarm init --force-new-cluster", node=left)
    must(drill, f"node rm --force {lost} {gone}", "node promote worker-1 worker-2")
    must(drill, "service update -d --image acme/web:2 web")


def both(drill, zone):
    drill.cluster.heal()
    drill.run_for(10)
    must(drill, "service update -d --image acme/web:2 web")


RIGHT = {
    1: relabel, 2: open_tunnels, 3: move_network, 4: replace_slow, 5: reconnect,
    6: start_period, 7: roll_back, 8: throw_out, 9: new_group, 10: both,
}  # fmt: skip

# ── wrong: what sounds like a repair ─────────────────────────────────────────────────────────────────────────────────

WRONG = {
    1: ["service update -d --force catalogue", "service scale -d catalogue=6"],
    2: ["service update -d --force web"],
    3: ["service scale -d web=16"],
    4: ["service scale -d web=8"],
    5: ["service scale -d api=12"],
    6: ["service update -d --no-healthcheck {name}"],
    7: ["service scale -d web=12"],
    8: ["swarm join-token --rotate worker"],
    9: ["service update -d --image acme/web:2 web"],
    10: ["service update -d --force web"],
}


def wrong(drill):
    looks(drill)
    for line in WRONG[number(drill)]:
        drill.docker(line.format(**drill.incident.chosen))


def idle(drill):
    drill.run_for(drill.incident.limit)


def reckless(drill):
    """Everything is opened, rebooted, removed and made anew."""
    cluster = drill.cluster
    cluster.heal()
    machines = [name for name in cluster.machines if name not in OUTSIDE]
    for machine in machines:
        for port in (2377, 7946, 4789, "esp"):
            cluster.unblock(machine, port)
        cluster.restart(machine)
    drill.run_for(30)
    names = [service.spec.name for service in cluster.services]
    drill.docker(f"service rm {' '.join(names)}")
    drill.run_for(10)
    drill.docker("service create -d --name web --replicas 12 --publish 8080:80 acme/web:2")


def grade(which, play, seed=None):
    drill = Drill(which, seed)
    play(drill)
    return drill.grade()
