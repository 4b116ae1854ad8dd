"""Other people's stack files against what docker 28.2.2 made of them (../shared/data/stacks, see its README)."""

import json
from collections import Counter

import pytest
import yaml

from swarmlab.docker.stack import StackError, convert, load

LATER = "what only an engine can refuse is not this room's"

# invalid files that this room refuses in other words, or not at all: name → why
KNOWN_DIFFERENCES: dict[str, str] = {}


@pytest.fixture(scope="module")
def stacks(shared):
    return shared / "data" / "stacks"


@pytest.fixture(scope="module")
def expected(stacks):
    return json.loads((stacks / "expected.json").read_text())


def opened(stacks, name, env):
    """The stack file `name`, with what it reads, and the folder that it stands for."""
    if "/" in name:
        path = stacks / name
        folder = path.parent
    else:
        path, folder = stacks / f"{name}.yml", stacks / "files" / name
    here = str(folder / "stack.yml")

    def read(asked):
        return (path if asked == here else type(path)(asked)).read_bytes()

    return load([here], read, {"HOME": "/home/user", **env}), read, str(folder)


# ── expected.json: what the client asks the engine for ───────────────────────────────────────────────────────────


def fields(spec):
    """A ServiceSpec in the terms of expected.json; what docker would leave to the engine's defaults included."""
    task, container = spec.task, spec.task.container

    def update(config):
        times = {"delay_ns": config.delay * 1000, "monitor_ns": config.monitor * 1000}
        named = {"failure_action": config.failure_action, "order": config.order}
        return {"parallelism": config.parallelism, "max_failure_ratio": config.max_failure_ratio, **times, **named}

    def files(references):
        return [{"name": r.name, "target": r.target, "uid": r.uid, "gid": r.gid, "mode": r.mode} for r in references]

    ports = [(p.published_port, p.target_port, p.protocol, p.publish_mode) for p in spec.endpoint.ports]
    health = container.healthcheck
    own = ("com.docker.stack.namespace", "com.docker.stack.image")
    return {
        "mode": spec.mode,
        "replicas": None if spec.mode.startswith("global") else spec.replicas,
        "image": container.image,
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
            **{
                f"{key}_ns": getattr(health, key) * 1000
                for key in ("interval", "timeout", "start_period", "start_interval")
            },
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


DEFAULTS = {
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


def filled(defaults, given):
    """What was sent, with the engine's defaults where nothing was (for a monitor, zero is nothing)."""
    sent = {
        key: value
        for key, value in (given or {}).items()
        if value is not None and not (key == "monitor_ns" and not value)
    }
    return defaults | sent


def wanted(recorded):
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


def test_every_service_agrees_with_what_docker_sends(stacks, expected):
    agree, total, wrong = Counter(), Counter(), []
    for name, entry in expected.items():
        if "error" in entry:
            continue
        compose, read, folder = opened(stacks, name, entry["env"])
        services = {spec.name.removeprefix("demo_"): spec for spec in convert(compose, "demo", read).services}
        assert sorted(services) == sorted(entry["services"]), name
        for service, recorded in entry["services"].items():
            ours, theirs = fields(services[service]), json.loads(json.dumps(wanted(recorded)).replace("${DIR}", folder))
            for field, value in json.loads(json.dumps(ours)).items():
                total[field] += 1
                agree[field] += value == theirs[field]
                wrong += [] if value == theirs[field] else [(name, service, field, value, theirs[field])]
    print({field: f"{agree[field]}/{total[field]}" for field in total})
    assert not wrong
    assert total["mode"] == 114


def test_networks_and_warnings_agree_with_what_docker_makes(stacks, expected):
    for name, entry in expected.items():
        if "error" in entry:
            continue
        compose, read, _ = opened(stacks, name, entry["env"])
        stack = convert(compose, "demo", read)
        assert list(stack.external_networks) == sorted(entry["external_networks"]), name
        keys = ("attachable", "driver", "internal")
        assert {spec.name: {key: getattr(spec, key) for key in keys} for spec in stack.networks} == {
            network: {key: made[key] for key in keys} for network, made in entry["networks_created"].items()
        }, name
        options = {spec.name: dict(spec.options) for spec in stack.networks}
        assert options == {network: made["options"] or {} for network, made in entry["networks_created"].items()}, name
        assert [line for line in compose.warnings if line] == [line for line in entry["warnings"] if line], name


def test_the_stack_with_everything_is_refused_only_when_its_secret_is_read(stacks, expected):
    (name,) = [name for name, entry in expected.items() if "error" in entry]
    compose, read, folder = opened(stacks, name, {})
    with pytest.raises(StackError) as caught:
        convert(compose, "demo", read)
    says = "\n".join([*compose.warnings, "", caught.value.text])
    assert says.replace(folder, "${DIR}") in expected[name]["error"]["stack_deploy_any_of"]


# ── golden/: what `docker stack config` prints ───────────────────────────────────────────────────────────────────


def pruned(value):
    """Without what is empty: docker does not print it. A null stays, and so does a zero."""
    if isinstance(value, dict):
        pairs = ((key, pruned(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item not in ({}, [], "", False) or item == 0 != item is not False}
    if isinstance(value, list):
        return [pruned(item) for item in value]
    return value


def test_the_normal_form_is_what_stack_config_prints(stacks, expected):
    compared = 0
    for name, entry in expected.items():
        golden = stacks / "golden" / f"{name.removesuffix('.yml').replace('/', '__', 1).replace('/', '-')}.yml"
        compose, _, folder = opened(stacks, name, entry["env"])
        text = golden.read_text().replace("${DIR}/..", str(folder).rpartition("/")[0]).replace("${DIR}", folder)
        theirs = yaml.safe_load(text)
        sections = ("services", "networks", "volumes", "secrets", "configs")
        ours = {section: dict(getattr(compose, section)) for section in sections} | dict(compose.extensions)
        assert pruned(ours) == pruned({key: value for key, value in theirs.items() if key != "version"}), name
        assert compose.version == theirs["version"], name
        compared += 1
    assert compared == 24


# ── invalid/: what docker refuses, and how ───────────────────────────────────────────────────────────────────────


def words_of_refusal(stacks, name, entry, deploy):
    path = stacks / "invalid" / name
    warnings: tuple[str, ...] = ()

    def read(asked):
        return type(path)(asked).read_bytes()

    try:
        compose = load([str(path)], read, {"HOME": "/home/user", **entry.get("env", {})}, deploy=deploy)
        if deploy:
            warnings = compose.warnings
            convert(compose, "demo", read)
    except StackError as error:
        return " ".join("\n".join([*warnings, error.text]).replace(str(path.parent), "${DIR}").split())
    return ""


def test_invalid_files_are_refused_at_the_same_stage_in_the_same_words(stacks):
    index = json.loads((stacks / "invalid" / "index.json").read_text())
    rooms = {name: entry for name, entry in index.items() if entry["stage"] in ("load", "deploy-client")}
    wrong = {}
    for name, entry in rooms.items():
        config = words_of_refusal(stacks, name, entry, deploy=False)
        deploy = words_of_refusal(stacks, name, entry, deploy=True)
        texts = [" ".join(text.split()) for text in entry["error_any_of"]]
        later = [" ".join(text.split()) for text in entry.get("deploy_error_any_of", entry["error_any_of"])]
        at_load = entry["stage"] == "load"
        if deploy not in later or config not in (texts if at_load else [""]):
            wrong[name] = (config, deploy)
    assert wrong.keys() <= KNOWN_DIFFERENCES.keys(), wrong
    assert len(rooms) == 27


def test_what_only_an_engine_refuses_is_loaded_and_converted(stacks):
    index = json.loads((stacks / "invalid" / "index.json").read_text())
    for name, entry in index.items():
        if entry["stage"] not in ("load", "deploy-client"):
            assert words_of_refusal(stacks, name, entry, deploy=True) == "", LATER
