"""Lesson 13: its predictions, the judges of its exercises, and how far it agrees with Docker."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any

from ..docker.linter import lint
from ..docker.spec_words import differences, words
from ..docker.stack import Stack, StackError, convert, load
from ..objects import NetworkSpec, ServiceSpec
from . import CORRECT, Prediction, Verdict
from .scenes13 import deploy, layer_of, one_service, said, small

PREDICTIONS = {
    "1": Prediction(
        "Every service is updated, no task is touched: an update replaces a task only if something in its own description changed.",
        {
            "a": "Look at the ids before and after: they are the same. Updated is a service, not its tasks.",
            "b": "Nobody takes a sample: each task is compared with what the service now asks for, and all of them fit.",
            "c": "Yes.",
        },
    ),
    "2": Prediction(
        "It runs on: a deploy looks at what is in the file. Only --prune removes what is there no more.",
        {
            "a": "Yes.",
            "b": "Look at the list of services after the deploy: it is still there. Who deletes a line has not deleted a service.",
            "c": "Look at what Docker printed: it does not speak of it. What is not in the file is not looked at.",
        },
    ),
    "3": Prediction(
        "depends_on is read and then used by nobody: all services start at once, and each must be able to wait.",
        {
            "a": "Look at the seconds: web runs while the machine of db still pulls its image.",
            "b": "Yes.",
            "c": "Look at what Docker printed: no word of it. A list is taken; only the form with conditions is refused.",
        },
    ),
    "4": Prediction(
        "It is empty: variables come from the shell alone. Docker Compose reads .env, docker stack does not.",
        {
            "a": "Look at the value in the object: there is none. The file .env lay beside, and nobody opened it.",
            "b": "The service is there: a variable that nobody set is an empty text. ${GREETING:?say something} would refuse.",
            "c": "Yes.",
        },
    ),
    "5": Prediction(
        "What was made before the refusal stays, and runs. A deploy is a list of requests, one after the other, and no transaction.",
        {
            "a": "Look at the objects: network and services of the refused deploy are there. Nothing is taken back.",
            "b": "Yes.",
            "c": "Look for queue in the list: the client stops at the first refusal, and what comes later is never asked for.",
        },
    ),
}


def compare() -> None:
    """Print how far this lesson agrees with Docker."""
    for what, (agree, total) in AGREEMENT.items():
        print(f"{what:58} {agree:5} of {total}")
    for version in ("", 'version: ""', 'version: "3"'):
        text = f"{version}\nservices: {{web: {{image: nginx}}}}\n"
        printed = small().fork().docker("stack config -c stack.yml", files={"stack.yml": text}).stdout
        print(f"{version or 'no version':13} is read as {printed.splitlines()[0]}")


AGREEMENT = {  # what the test with other people's stack files counts, see tests/docker/stack_score.py
    "files printed by `stack config`, byte for byte": (24, 24),
    "fields of the 114 services that a deploy asks for": (2964, 2964),
    "refused files, in Docker's words": (37, 37),
}

# ── recall: which layer refuses? ─────────────────────────────────────────────────────────────────────────────────

LAYERS = {
    "load": "the client, reading the file: no manager was asked, nothing is made",
    "client": "the client, turning it into objects: what it had made before stays",
    "engine": "the manager, asked for this object: what was made before stays",
}

FRESH = {
    "load": (
        one_service("deploy:\n  replica: 2"),
        one_service("environment: [A=1, A=1]"),
        one_service('hostname: "${NAME"'),
        one_service("deploy:\n  resources:\n    limits: {cpus: 0.5}"),
    ),
    "client": (
        one_service("configs: [site]"),
        one_service("deploy: {mode: everywhere}"),
        one_service("networks: [outside]", "networks:\n  outside: {external: true}"),
        "services:\n  web:\n    deploy: {replicas: 2}\n",
    ),
    "engine": (
        one_service("deploy:\n  placement:\n    constraints: [node.role]"),
        one_service("deploy:\n  restart_policy: {condition: sometimes}"),
        one_service("deploy:\n  update_config: {max_failure_ratio: 2}"),
        one_service('ports: ["8080:80", "8080:81"]'),
    ),
}


def fresh_files(seed: int = 1313) -> list[str]:
    """Six files that each have one fault, two for each layer."""
    dice = Random(seed)
    files = [text for layer in sorted(FRESH) for text in dice.sample(FRESH[layer], 2)]
    dice.shuffle(files)
    return files


WHY_NOT = {
    ("load", "client"): "there is nothing to look up: a form is broken, so `docker stack config` refuses it, too",
    ("load", "engine"): "no manager is asked: the text alone is wrong, and `docker stack config` refuses it",
    (
        "client",
        "load",
    ): "`docker stack config` takes it: each line is well formed. The fault shows when the client puts the parts together",
    ("client", "engine"): "no manager refuses it: the client notices while it turns the file into objects",
    (
        "engine",
        "load",
    ): "`docker stack config` takes it: in the file this is any text or number; only the manager knows what it means",
    (
        "engine",
        "client",
    ): "every name leads somewhere; the client passes this value on as it is, and the manager refuses it",
}


def recall(answer: Sequence[str]) -> Verdict:
    """Six words, one per file: `load`, `client` or `engine`; each file is tried."""
    files = fresh_files()
    known = isinstance(answer, list | tuple) and all(isinstance(word, str) for word in answer)
    if not known or len(answer) != len(files):
        return Verdict(False, 'give six words, one for each file, like ["load", "client", "engine", …].')
    for number, (word, text) in enumerate(zip(answer, files, strict=True), 1):
        layer, says = layer_of(text)
        mine = word.strip().lower()
        if mine not in LAYERS:
            return Verdict(False, f"file {number}: {word!r} is none of load, client, engine.")
        if mine != layer:
            return Verdict(False, f"file {number}: {WHY_NOT[layer, mine]}. Docker says: {says}")
    return CORRECT


# ── modify: port a compose file ──────────────────────────────────────────────────────────────────────────────────

TO_PORT = """\
version: "3.8"
services:
  web:
    image: nginx:1.25-alpine
    build: ./web
    container_name: web
    depends_on: [cache]
    links: [cache]
    restart: on-failure:3
    mem_limit: 64m
    ports: ["127.0.0.1:8080:80"]
    environment: {MODE: shop}
  cache:
    image: redis:7-alpine
    restart: always
    expose: ["6379"]
"""

PORTED = """\
version: "3.8"
services:
  web:
    image: nginx:1.25-alpine
    ports: ["8080:80"]
    environment: {MODE: shop}
    deploy:
      resources: {limits: {memory: 64m}}
      restart_policy: {condition: on-failure, max_attempts: 3}
  cache:
    image: redis:7-alpine
"""


def modify(text: str) -> Verdict:
    """A stack file with the same services, of which a swarm ignores nothing: it is deployed, linted and compared."""
    if not isinstance(text, str) or "\n" not in text:
        return Verdict(False, "give the whole file as a text, between three quotes.")
    result = deploy(small().fork(), text)
    if result.exit_code:
        return Verdict(False, f"Docker refuses it: {said(result)}")
    for row in lint(text):
        if row.severity in ("refused", "ignored", "different"):
            return Verdict(False, f"line {row.line}, {row.path}: {row.rule.swarm}.")
    return _same_services(_stack(text))


def _stack(text: str) -> Stack:
    """What a deploy of the file asks for. Raises StackError."""
    read = partial(_read, text)
    return convert(load(["stack.yml"], read, {}), "shop", read)


def _read(text: str, path: str) -> bytes:
    return text.encode() if path == "stack.yml" else b""


def _services(stack: Stack) -> dict[str, ServiceSpec]:
    return {spec.name.removeprefix("shop_"): spec for spec in stack.services}


def _same_services(stack: Stack) -> Verdict:
    services, wanted = _services(stack), _services(_stack(PORTED))
    if sorted(services) != sorted(wanted):
        return Verdict(
            False, f"the services are {', '.join(sorted(services))}; they should be {', '.join(sorted(wanted))}."
        )
    for name, spec in wanted.items():
        for path, mine, other in differences(services[name], spec):
            if not path.startswith("networks."):  # which network they share is left to the learner
                should = f"it should be {other}" if other else "and should not be there"
                return Verdict(False, f"{name}: {path} is {mine or 'not set'}, {should}.")
    return _find_each_other(services)


def _find_each_other(services: Mapping[str, ServiceSpec]) -> Verdict:
    joined = [{path for path in words(spec) if path.startswith("networks.")} for spec in services.values()]
    if set.intersection(*joined):
        return CORRECT
    return Verdict(False, "the services share no network: web cannot find cache, and Compose lets it.")


# ── build: the file for a board ──────────────────────────────────────────────────────────────────────────────────

TARGET = """\
version: "3.8"
services:
  web:
    image: nginx:1.25-alpine
    ports: ["8080:80"]
    networks: [front, back]
    environment: {CACHE: cache}
    deploy:
      replicas: 4
      update_config: {parallelism: 2, delay: 10s, order: start-first}
      placement:
        constraints: [node.role == worker]
  cache:
    image: redis:7-alpine
    networks: [back]
    deploy:
      mode: global
      resources:
        limits: {memory: 64M}
networks:
  front:
  back: {internal: true}
"""


def board() -> None:
    """Print the objects for which a file is to be written: what differs from Docker's defaults."""
    stack = _stack(TARGET)
    for network in stack.networks:
        print(f"network {network.name}: {_listed(differences(NetworkSpec(), network))}")
    for service in stack.services:
        print(f"service {service.name}")
        for difference in differences(ServiceSpec(), service):
            if difference.new:
                value = "joined" if difference.path.startswith("networks.") else difference.new
                print(f"    {difference.path:36} {value}")


def _listed(found: Iterable[Any]) -> str:
    return ", ".join(f"{each.path} {each.new}" for each in found) or "as Docker makes it by default"


def build(text: str) -> Verdict:
    """A stack file that becomes the objects of the board: compared by objects, never by text."""
    if not isinstance(text, str) or "\n" not in text:
        return Verdict(False, "give the whole file as a text, between three quotes.")
    try:
        mine, target = _stack(text), _stack(TARGET)
    except StackError as fault:
        return Verdict(False, f"Docker refuses it: {' '.join(fault.text.split())}")
    kinds = (("network", mine.networks, target.networks), ("service", mine.services, target.services))
    for kind, found, wanted in kinds:
        verdict = _same_objects(kind, {spec.name: spec for spec in found}, {spec.name: spec for spec in wanted})
        if not verdict.correct:
            return verdict
    return CORRECT


def _same_objects(kind: str, found: dict[str, Any], wanted: dict[str, Any]) -> Verdict:
    for name, spec in wanted.items():
        if name not in found:
            return Verdict(False, f"there is no {kind} {name}.")
        if different := differences(found[name], spec):
            path, mine, other = different[0]
            return Verdict(False, f"{kind} {name}: {path} is {mine or 'not set'}, on the board {other or 'not set'}.")
    extra = [name for name in found if name not in wanted]
    return Verdict(False, f"{kind} {extra[0]} is not on the board.") if extra else CORRECT


CHECKS = {"recall": recall, "modify": modify, "build": build}
