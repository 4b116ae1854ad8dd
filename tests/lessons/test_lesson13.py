"""The judges of lesson 13: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import pytest
from test_stack_corpus import SCORES

from swarmlab import Cluster
from swarmlab.docker.linter import lint
from swarmlab.docker.stack_map import lines
from swarmlab.lessons import lesson13, reveal, scenes13

from .judging import said

# ── recall ──


@pytest.fixture(scope="module")
def truth():
    return [scenes13.layer_of(text)[0] for text in lesson13.fresh_files()]


def test_recall_takes_what_docker_does(capsys, truth):
    assert sorted(truth) == ["client", "client", "engine", "engine", "load", "load"]
    assert said(capsys, "13.recall", truth) == "correct"
    assert said(capsys, "13.recall", [f" {layer.upper()}" for layer in truth]) == "correct"


@pytest.mark.parametrize("seed", range(6))
def test_fresh_files_are_refused_where_they_are_said_to_be(seed):
    layers = {text: layer for layer, texts in lesson13.FRESH.items() for text in texts}
    assert all(scenes13.layer_of(text)[0] == layers[text] for text in lesson13.fresh_files(seed))


@pytest.mark.parametrize(("layer", "mine"), sorted(lesson13.WHY_NOT))
def test_recall_says_what_was_overlooked(capsys, truth, layer, mine):
    place = truth.index(layer)
    line = said(capsys, "13.recall", [*truth[:place], mine, *truth[place + 1 :]])
    assert line.startswith(f"not yet: file {place + 1}: {lesson13.WHY_NOT[layer, mine]}. Docker says: ")


@pytest.mark.parametrize("answer", [None, 5, "load", ["load"] * 5, ["load"] * 5 + [1], ["none"] * 6, [""] * 6])
def test_recall_survives_any_answer(capsys, answer):
    assert said(capsys, "13.recall", answer).startswith("not yet: ")


# ── modify ──

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


def test_modify_takes_any_file_that_becomes_the_same_services(capsys):
    assert said(capsys, "13.modify", PORTED) == "correct"
    other = PORTED.replace('version: "3.8"\n', "").replace("{MODE: shop}", "[MODE=shop]").replace("64m", "65536k")
    assert said(capsys, "13.modify", other + "    deploy: {replicas: 1}\n") == "correct"
    joined = (
        PORTED.replace("    ports", "    networks: [back]\n    ports") + "    networks: [back]\nnetworks: {back: {}}\n"
    )
    assert said(capsys, "13.modify", joined) == "correct"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (lesson13.TO_PORT, "Docker refuses it: mem_limit: Set resource limits using deploy.resources"),
        (lesson13.TO_PORT.replace("    mem_limit: 64m\n", ""), "line 5, services.web.build: ignored"),
        (PORTED + "    restart: always\n", "only heeded where deploy.restart_policy is not given"),
        (PORTED + "    depends_on: [web]\n", "all start at once"),
        (PORTED.replace('"8080:80"', '"127.0.0.1:8080:80"'), "listens on all of all nodes"),
        (PORTED.replace("resources: {limits: {memory: 64m}}", "labels: {a: b}"), "limits.memory is not set"),
        (PORTED.replace(", max_attempts: 3", ""), "max_attempts is not set, it should be 3"),
        (PORTED.replace("8080:80", "80:80"), "ports is 80:80/tcp, it should be 8080:80/tcp"),
        (PORTED.partition("  cache")[0], "the services are web; they should be cache, web"),
        (PORTED + "bogus: 1\n", "Docker refuses it: (root) Additional property bogus is not allowed"),
        (PORTED + "    deploy: {replicas: 2}\n", "cache: deploy.replicas is 2, it should be 1"),
        (
            PORTED.replace("{MODE: shop}", "{MODE: shop, MORE: x}"),
            "web: environment.MORE is x, and should not be there",
        ),
        (PORTED + "    networks: [back]\nnetworks: {back: {}}\n", "the services share no network"),
    ],
)
def test_modify_names_what_is_missing(capsys, text, why):
    line = said(capsys, "13.modify", text)
    assert line.startswith("not yet: ") and why in line


# ── build ──


def test_build_compares_objects_and_no_texts(capsys):
    assert said(capsys, "13.build", lesson13.TARGET) == "correct"
    other = lesson13.TARGET.replace("replicas: 4", 'replicas: 4\n      mode: "replicated"').replace(
        "  front:\n", "  front: {}\n"
    )
    other = other.replace('ports: ["8080:80"]', "ports: [{target: 80, published: 8080, protocol: tcp, mode: ingress}]")
    assert said(capsys, "13.build", f"# mine\n{other}") == "correct"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("replicas: 4", "replicas: 3", "service shop_web: deploy.replicas is 3, on the board 4"),
        ("start-first", "stop-first", "order is stop-first, on the board start-first"),
        ("delay: 10s, ", "", "delay is 0s, on the board 10s"),
        ("mode: global", "replicas: 3", "deploy.mode is replicated, on the board global"),
        ("{internal: true}", "", "network shop_back: internal is not set, on the board true"),
        ("networks: [front, back]", "networks: [front]", "networks.shop_back is not set"),
        ("  cache:\n", "  store:\n", "there is no service shop_cache"),
        ("  front:\n", "", 'Docker refuses it: service web: undefined network "front"'),
        ("networks: [back]", "networks: [back, third]\nx: 1", "Docker refuses it"),
        (
            "\nnetworks:",
            "\n  more: {image: redis, networks: [back]}\nnetworks:",
            "service shop_more is not on the board",
        ),
    ],
)
def test_build_names_the_first_difference(capsys, old, new, why):
    assert old in lesson13.TARGET
    line = said(capsys, "13.build", lesson13.TARGET.replace(old, new, 1))
    assert line.startswith("not yet: ") and why in line


@pytest.mark.parametrize("exercise", ["13.modify", "13.build"])
@pytest.mark.parametrize("answer", [None, 5, "", "web", "\n", "a: [\n", b"x\n", ["services:\n"], "services: {}\n"])
def test_any_answer_gets_one_line(capsys, exercise, answer):
    assert said(capsys, exercise, answer).startswith("not yet: ")


# ── predictions and scenes ──


def test_every_prediction_answers_every_option(capsys):
    for name, prediction in lesson13.PREDICTIONS.items():
        assert list(prediction.answers) == ["a", "b", "c"] and list(prediction.answers.values()).count("Yes.") == 1
        for option, answer in prediction.answers.items():
            reveal(f"13.{name}", option)
            assert capsys.readouterr().out.strip() == f"{answer} {prediction.fact}"


def test_the_right_guess_is_not_always_at_the_same_place():
    places = {list(prediction.answers.values()).index("Yes.") for prediction in lesson13.PREDICTIONS.values()}
    assert places == {0, 1, 2}


def test_a_typed_deploy_looks_as_on_a_terminal(capsys):
    cluster = Cluster(managers=1, workers=1, seed=4, messages=False)
    scenes13.typed(cluster, scenes13.REFUSED, name="second", GREETING="hello")
    typed, *answers = capsys.readouterr().out.splitlines()
    assert typed == "$ GREETING=hello docker stack deploy -d -c second.yml second"
    assert answers[0] == "Creating network second_default" and len(answers) == 5


def test_a_file_beside_the_stack_file_is_not_read():
    cluster = Cluster(managers=1, workers=1, seed=4, messages=False)
    scenes13.deploy(cluster, scenes13.ORDER, name="site", beside={".env": "GREETING=hello"})
    (env,) = [service.spec.task.container.env for service in cluster.services if service.name == "site_web"]
    assert env == ("GREETING=",)


def test_the_edits_of_the_scenes_are_what_the_text_says():
    cluster = Cluster(managers=1, workers=1, seed=4, messages=False)
    scenes13.deploy(cluster, scenes13.SHOP)
    cluster.run_for(10)
    plan = cluster.plan("stack deploy -c shop.yml shop", files={"shop.yml": scenes13.NEWER})
    changed = {change.name: [field.path for field in change.fields] for change in plan.changes if change.fields}
    assert changed == {"shop_front": ["internal"], "shop_cache": ["deploy.labels.tier"], "shop_web": ["image"]}
    plan = cluster.plan("stack deploy -c shop.yml shop", files={"shop.yml": scenes13.LESS})
    assert plan.change("shop_db").verb == "left over"


def test_the_facts_of_the_predictions_are_so():
    cluster = Cluster(managers=1, workers=3, seed=4, messages=False)
    scenes13.deploy(cluster, scenes13.SHOP)
    cluster.run_for(15)
    before = scenes13.ids(cluster)
    scenes13.deploy(cluster, scenes13.SHOP)
    cluster.run_for(15)
    assert scenes13.ids(cluster) == before != {}
    result = scenes13.deploy(cluster, scenes13.REFUSED, name="second")
    assert "port '8080' is already in use by service 'shop_web'" in scenes13.said(result)
    assert [row["NAME"] for row in cluster.docker("stack services second").rows] == ["second_api", "second_cart"]


@pytest.mark.parametrize("wrong", [*scenes13.WRONG.values(), *scenes13.QUIZ.values()], ids=lambda wrong: wrong.layer)
def test_wrong_files_are_refused_by_the_layer_that_is_told(wrong):
    assert scenes13.layer_of(wrong.text)[0] == wrong.layer


def test_the_file_of_scene_4_meets_every_kind_of_finding():
    assert {row.severity for row in lint(scenes13.COMPOSE)} == {"ignored", "different", "risk"}
    assert "goes nowhere" not in {row.rule.name for row in lint(scenes13.COMPOSE)}
    assert {line.note for line in lines(scenes13.SAMPLE)} >= {
        "",
        "not sent",
        "checked, not sent",
        "as it would be anyway",
    }


def test_the_scores_are_those_of_the_comparison():
    told = list(lesson13.AGREEMENT.values())
    assert told == [SCORES["texts of stack config"], SCORES["fields of services"], SCORES["words of stack deploy"]]
