"""How far we agree with docker 28.2.2 about other people's stack files: `python tests/docker/stack_score.py`.

The files lie beside the project, in `../shared/data/stacks` or wherever SWARMLAB_STACKS says; its README tells how
docker's answers were recorded. They are never part of the project: without them there is no score to print, and
`stack_texts` holds the same rules with files of our own.
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from swarmlab import Cluster  # noqa: E402
from swarmlab.docker.stack import StackError, convert, load  # noqa: E402
from swarmlab.messages import CreateObject  # noqa: E402
from swarmlab.objects import ConfigSpec, NetworkSpec, SecretSpec, ServiceSpec, replace  # noqa: E402

HOME = {"HOME": "/home/user"}

# what was compared → how many of how many agree; the first may only grow
SCORES = {
    "texts of stack config": (24, 24),
    "refusals": (1, 1),
    "accepted files": (23, 23),
    "warnings": (23, 23),
    "networks": (23, 23),
    "names of services": (23, 23),
    "fields of services": (2964, 2964),
    "refusals by stack config": (37, 37),
    "words of stack config": (20, 20),
    "words of stack deploy": (37, 37),
    "layers": (37, 37),
}


def corpus() -> Path | None:
    """Where the files lie, if they are there."""
    folder = Path(os.environ.get("SWARMLAB_STACKS") or ROOT.parent / "shared" / "data" / "stacks")
    return folder if (folder / "expected.json").is_file() else None


class Finding(NamedTuple):
    """One thing compared. `ours` and `theirs` are empty when they agree."""

    subject: str  # what the score counts: 'services', 'texts of stack config' …
    name: str
    agrees: bool
    ours: Any = ""
    theirs: Any = ""


def compared(subject: str, name: str, ours: Any, theirs: Any) -> Finding:
    return Finding(subject, name, True) if ours == theirs else Finding(subject, name, False, ours, theirs)


# ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────


def place(stacks: Path, name: str) -> tuple[Path, Path]:
    """The stack file `name`, and the folder from which its paths count."""
    return (
        ((stacks / name), (stacks / name).parent) if "/" in name else (stacks / f"{name}.yml", stacks / "files" / name)
    )


def opened(stacks: Path, name: str, env: dict):
    """The loaded file, what reads the files it names, and its folder."""
    path, folder = place(stacks, name)
    here = str(folder / "stack.yml")

    def read(asked: str) -> bytes:
        return (path if asked == here else Path(asked)).read_bytes()

    return load([here], read, HOME | env), read, str(folder)


def typed(cluster: Cluster, command: str, stacks: Path, name: str, env: dict):
    """A docker command about this file, typed on the cluster; `FILE` stands for the file."""
    path, folder = place(stacks, name)
    here = f"{folder}/stack.yml"
    return cluster.docker(command.replace("FILE", here), env=HOME | env, files={here: path.read_text()})


def prepare(cluster: Cluster, stack: Any) -> None:
    """What the file takes for granted is there."""
    networks = [NetworkSpec(name, attachable=True) for name in stack.external_networks]
    made = [spec for spec in networks if spec.name not in ("host", "none", "bridge")]
    made += [SecretSpec(name, data=b"x") for name in stack.external_secrets]
    made += [ConfigSpec(name, data=b"x") for name in stack.external_configs]
    for spec in made:
        reply = cluster.call("manager-1", CreateObject(spec), cluster.kernel.now + 10_000_000)
        assert reply.error is None, reply.error


# ── expected.json: what the client asks the engine for ───────────────────────────────────────────────────────────


def fields(spec: Any) -> dict[str, Any]:
    """A ServiceSpec in the terms of expected.json; what docker would leave to the engine's defaults included."""
    task, container = spec.task, spec.task.container

    def update(config):
        times = {"delay_ns": config.delay * 1000, "monitor_ns": config.monitor * 1000}
        named = {"failure_action": config.failure_action, "order": config.order}
        return {"parallelism": config.parallelism, "max_failure_ratio": config.max_failure_ratio, **times, **named}

    def files(references):
        return [{"name": r.name, "target": r.target, "uid": r.uid, "gid": r.gid, "mode": r.mode} for r in references]

    ports = [(p.published_port, p.target_port, p.protocol, p.publish_mode) for p in spec.endpoint.ports]
    health, own = container.healthcheck, ("com.docker.stack.namespace", "com.docker.stack.image")
    spans = ("interval", "timeout", "start_period", "start_interval")
    return {
        "mode": spec.mode,
        "replicas": None if spec.mode.startswith("global") else spec.replicas,
        "image": container.image.partition("@")[0],  # the digest is the registry's, which we have not
        "ports": sorted(ports),
        "networks": {target.target: sorted(target.aliases) for target in task.networks},  # the recording sorted them
        "constraints": list(task.placement.constraints),
        "preferences": list(task.placement.preferences),
        "max_replicas_per_node": task.placement.max_replicas,
        "env": list(container.env),
        "mounts": [(m.type, m.source, m.target, m.read_only) for m in container.mounts],
        "healthcheck": health
        and {
            "test": list(health.test),
            "retries": health.retries,
            **{f"{key}_ns": getattr(health, key) * 1000 for key in spans},
        },
        "restart_policy": {
            "condition": task.restart.condition,
            "delay_ns": task.restart.delay * 1000,
            "max_attempts": task.restart.max_attempts,
            "window_ns": task.restart.window * 1000,
        },
        "update_config": update(spec.update),
        "rollback_config": update(spec.rollback),
        "limits": {"nano_cpus": task.limits.nano_cpus, "memory_bytes": task.limits.memory, "pids": task.limits.pids},
        "reservations": {
            "nano_cpus": task.reservations.nano_cpus,
            "memory_bytes": task.reservations.memory,
            "generic": [list(pair) for pair in task.reservations.generic.items()],
        },
        "configs": files(container.configs),
        "secrets": files(container.secrets),
        "command": list(container.args),
        "entrypoint": list(container.command),
        "hostname": container.hostname,
        "user": container.options.get("user", ""),
        "log_driver": task.log_driver.name if task.log_driver else "",
        "service_labels": {key: value for key, value in spec.labels.items() if key not in own},
        "stop_grace_period_ns": container.stop_grace_period * 1000,
        "endpoint_mode": spec.endpoint.mode,
    }


DEFAULTS: dict[str, Any] = {
    "replicas": 1, "env": [], "mounts": [], "configs": [], "secrets": [], "command": [], "entrypoint": [], "hostname": "",
    "user": "", "log_driver": "", "service_labels": {}, "stop_grace_period_ns": 10**10, "endpoint_mode": "vip",
    "limits": {"nano_cpus": 0, "memory_bytes": 0, "pids": 0},
    "reservations": {"nano_cpus": 0, "memory_bytes": 0, "generic": []},
}  # fmt: skip
UPDATE = {
    "parallelism": 1,
    "delay_ns": 0,
    "failure_action": "pause",
    "monitor_ns": 5 * 10**9,
    "max_failure_ratio": 0,
    "order": "stop-first",
}
RESTART = {"condition": "any", "delay_ns": 5 * 10**9, "max_attempts": 0, "window_ns": 0}


def filled(defaults: dict, given: dict | None) -> dict:
    """What was sent, with the engine's defaults where nothing was (for a monitor, zero is nothing)."""
    sent = {
        key: value
        for key, value in (given or {}).items()
        if value is not None and not (key == "monitor_ns" and not value)
    }
    return defaults | sent


def wanted(recorded: dict) -> dict[str, Any]:
    """One service of expected.json, with the engine's defaults for what docker did not send."""
    found = dict(recorded)
    if not (found["mode"].startswith("global")) or found.get("replicas") is not None:
        found["replicas"] = found.get("replicas") or (1 if found.get("replicas") is None else 0)
    else:
        found["replicas"] = None
    found |= {key: default for key, default in DEFAULTS.items() if key != "replicas" and not found.get(key)}
    found["ports"] = sorted(
        (p["published"], p["target"], p["protocol"] or "tcp", p["mode"] or "ingress") for p in found["ports"]
    )
    found["mounts"] = [(m["type"], m["source"] or "", m["target"], m["read_only"]) for m in found["mounts"]]
    found["update_config"] = filled(UPDATE, found.get("update_config"))
    found["rollback_config"] = filled(UPDATE, found.get("rollback_config"))
    found["restart_policy"] = filled(RESTART, found.get("restart_policy"))
    return found


def same_services(name: str, specs: Any, entry: dict, folder: str) -> list[Finding]:
    """Field by field, for every service that docker would send, and none besides."""
    ours = {spec.name.removeprefix("demo_"): fields(spec) for spec in specs}
    found = [compared("names of services", name, sorted(ours), sorted(entry["services"]))]
    for service, recorded in entry["services"].items():
        theirs = json.loads(json.dumps(wanted(recorded)).replace("${DIR}", folder))
        mine = json.loads(json.dumps(ours.get(service, {})))
        found += [
            compared("fields of services", f"{name} {service} {field}", mine.get(field), theirs[field])
            for field in fields(ServiceSpec())
        ]
    return found


# ── what is compared ─────────────────────────────────────────────────────────────────────────────────────────────


def stored(cluster: Cluster) -> list:
    """The services of the cluster, with names where the engine keeps ids, to be compared with what was asked for."""
    names = {network.id: network.spec.name for network in cluster.networks}
    return [_named(service.spec, names) for service in cluster.services]


def _named(spec: Any, names: dict[str, str]) -> Any:
    networks = tuple(replace(target, target=names.get(target.target, target.target)) for target in spec.task.networks)
    return replace(spec, task=replace(spec.task, networks=networks))


def accepted(stacks: Path) -> Iterator[Finding]:
    """Every file that docker takes: the same services are asked for, and stored by our engine."""
    cluster = Cluster(managers=1, workers=2, seed=3, messages=False)
    for name, entry in _expected(stacks).items():
        compose, read, folder = opened(stacks, name, entry["env"])
        golden = _golden(stacks, name, folder)
        printed = typed(cluster, "stack config -c FILE", stacks, name, entry["env"])
        yield compared("texts of stack config", name, printed.stdout, golden)
        twin = cluster.fork()
        try:
            prepare(twin, convert(compose, "demo", read))
        except StackError as fault:  # the one file of which docker reads a folder as a secret
            says = _squeezed("\n".join([*compose.warnings, fault.text.replace(folder, "${DIR}")]))
            yield compared("refusals", name, says, _one_of(says, entry["error"]["stack_deploy_any_of"]))
            continue
        result = typed(twin, "stack deploy --detach=true -c FILE demo", stacks, name, entry["env"])
        yield compared("accepted files", name, result.exit_code, 0)
        yield compared("warnings", name, _lines(result.stderr), [line for line in entry["warnings"] if line])
        made = {n.spec.name: n.spec for n in twin.networks if n.spec.name in entry["networks_created"]}
        yield compared("networks", name, {key: _network(spec) for key, spec in made.items()}, _networks(entry))
        yield from same_services(name, stored(twin), entry, folder)


def _expected(stacks: Path) -> dict[str, dict]:
    return json.loads((stacks / "expected.json").read_text())


def _golden(stacks: Path, name: str, folder: str) -> str:
    file = f"{name.removesuffix('.yml').replace('/', '__', 1).replace('/', '-')}.yml"
    text = (stacks / "golden" / file).read_text()
    return text.replace("${DIR}/..", folder.rpartition("/")[0]).replace("${DIR}", folder)


def _network(spec: NetworkSpec) -> dict:
    keys = {"attachable": spec.attachable, "driver": spec.driver, "internal": spec.internal}
    return {**keys, "options": dict(spec.options), "subnets": [subnet for subnet, _, _ in spec.subnets]}


def _networks(entry: dict) -> dict:
    return {
        name: {key: made[key] for key in ("attachable", "driver", "internal")}
        | {"options": made["options"] or {}}
        | {"subnets": [pool["Subnet"] for pool in ((made["ipam"] or {}).get("Config") or ())]}
        for name, made in entry["networks_created"].items()
    }


def refused(stacks: Path) -> Iterator[Finding]:
    """Every file that docker refuses: at the same layer, in the same words, by `stack config` and `stack deploy`."""
    cluster = Cluster(managers=1, workers=1, seed=3, messages=False)
    for name, entry in json.loads((stacks / "invalid" / "index.json").read_text()).items():
        twin, path = cluster.fork(), stacks / "invalid" / name
        env = HOME | entry.get("env", {})
        config = twin.docker(f"stack config -c {path}", env=env)
        deploy = twin.docker(f"stack deploy --detach=true -c {path} demo", env=env)
        at_load = entry["stage"] == "load"
        yield compared("refusals by stack config", name, config.exit_code, int(at_load))
        if at_load:
            says = _squeezed(config.stderr.replace(str(path.parent), "${DIR}"))
            yield compared("words of stack config", name, _one_of(says, entry["error_any_of"]), says)
        says = _squeezed(re.sub(r"\([a-z0-9]{25}\)", "(<ID>)", deploy.stderr.replace(str(path.parent), "${DIR}")))
        texts = entry.get("deploy_error_any_of", entry["error_any_of"])
        yield compared("words of stack deploy", f"{name} ({entry['stage']})", says, _one_of(says, texts))
        yield compared("layers", name, layer(twin, deploy), _LAYERS[entry["stage"].split(" ")[0]])


_LAYERS = {"load": "load", "deploy-client": "client", "deploy-engine": "engine"}


def layer(cluster: Cluster, deploy: Any) -> str:
    """Who refused: nothing was made while loading, the engine says that it was the engine."""
    if "Error response from daemon" in deploy.stderr:
        return "engine"
    return "client" if _converted(cluster, deploy) else "load"


def _converted(cluster: Cluster, deploy: Any) -> bool:
    """Did docker get as far as making the networks, or looking for the external ones and the images?"""
    late = ("is declared as external", "invalid image reference")
    return "Creating network" in deploy.stdout or any(text in deploy.stderr for text in late)


def _one_of(says: str, texts: list[str]) -> str:
    """The recorded text that we say, or else the first."""
    known = [_squeezed(text) for text in texts]
    return says if says in known else known[0]


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


# ── the score ────────────────────────────────────────────────────────────────────────────────────────────────────


def findings(stacks: Path) -> list[Finding]:
    return [*accepted(stacks), *refused(stacks)]


def scores(found: list[Finding]) -> dict[str, tuple[int, int]]:
    """(how many agree, of how many), by what was compared."""
    subjects = dict.fromkeys(finding.subject for finding in found)
    return {
        subject: (sum(f.agrees for f in found if f.subject == subject), sum(f.subject == subject for f in found))
        for subject in subjects
    }


def main() -> None:
    stacks = corpus()
    if stacks is None:
        sys.exit("no stack files to compare with: set SWARMLAB_STACKS to their folder")
    found = findings(stacks)
    for subject, (agree, total) in scores(found).items():
        print(f"{subject:28} {agree:5} of {total:5}")
    for finding in found:
        if not finding.agrees:
            print(f"\n{finding.subject}: {finding.name}\n  ours   {finding.ours}\n  docker {finding.theirs}")


if __name__ == "__main__":
    main()
