"""Secrets and configs in containers (swarm.md §12, §13, §16): paths, owners, memory and disk, templates, what is missing."""

import pytest
from worker_rig import Rig, facts, open_session, task, told

from swarmlab.effects import SECOND
from swarmlab.events import FileDelivered, FileWithdrawn
from swarmlab.messages import Assignments, BeNode, Broken, Discard, FileInside, Prepare, Prepared, SessionInvalid, Start
from swarmlab.objects import (
    FAILED,
    STARTING,
    Config,
    ConfigSpec,
    Description,
    FileReference,
    Secret,
    SecretSpec,
    replace,
)
from swarmlab.worker.agent import Agent
from swarmlab.worker.executor import Executor
from swarmlab.worker.inside import Unready, files_inside
from swarmlab.worker.payload import Fault, filled
from swarmlab.worker.registry import Layers

SECRET = Secret("k1", SecretSpec("db_pass", data=b"hunter2"))
CONFIG = Config("c1", ConfigSpec("site", data=b"server {}"))
NODE = Description("worker-1")


def using(*secrets, configs=(), env=(), **more):
    """A task that refers to these."""
    base = task(networks=(), **more)
    container = replace(base.spec.container, secrets=tuple(secrets), configs=tuple(configs), env=env)
    return replace(base, spec=replace(base.spec, container=container))


def inside(asked, *known, labels=None):
    return files_inside(replace(asked, service_labels=labels or {}), {one.id: one for one in known}, NODE)


# ── where, whose, and where it lies ──────────────────────────────────────────────────────────────────────────────


def test_a_secret_is_a_file_under_run_secrets_or_at_an_absolute_path_and_a_config_one_under_the_root():
    asked = using(
        FileReference("k1", "db_pass", "db_pass"),
        FileReference("k1", "db_pass", "/etc/pass", "1000", "50", 0o400),
        configs=(FileReference("c1", "site", "site.conf"), FileReference("c1", "site", "/etc/site.conf")),
    )
    found = inside(asked, SECRET, CONFIG)
    assert [one.path for one in found] == ["/run/secrets/db_pass", "/etc/pass", "/site.conf", "/etc/site.conf"]
    assert [(one.uid, one.gid, one.mode) for one in found[:2]] == [("0", "0", 0o444), ("1000", "50", 0o400)]
    assert [one.memory for one in found] == [True, True, False, False]


def test_without_one_of_its_files_a_container_is_not_started():
    with pytest.raises(Unready, match="unable to get secret from secret store: secret k1 not found"):
        inside(using(FileReference("k1", "db_pass", "db_pass")))
    with pytest.raises(Unready, match="unable to get config from config store: config c1 not found"):
        inside(using(FileReference("k1", "a", "a"), configs=(FileReference("c1", "b", "b"),)), SECRET)
    with pytest.raises(Unready, match='parsing "app": invalid syntax'):
        inside(using(FileReference("k1", "db_pass", "db_pass", uid="app")), SECRET)


# ── templates ────────────────────────────────────────────────────────────────────────────────────────────────────


def template(text, language="golang"):
    return Config("c2", ConfigSpec("t", {}, text.encode(), language))


def content(text, *known, env=(), language="golang", secrets=(), labels=None):
    asked = using(*secrets, configs=(FileReference("c2", "t", "t"),), env=env)
    return inside(asked, template(text, language), *known, labels=labels)[-1]


def test_each_task_fills_in_the_templates_of_its_own_files():
    text = '{{.Service.Name}} {{ .Task.Slot }} {{.Node.Hostname}} {{env "X"}}{{env "NONE"}} {{.Service.Labels.a}}'
    assert content(text, env=("X=1=2",), labels={"a": "b"}).data == b"web 1 worker-1 1=2 b"
    assert content('{{index .Service.Labels "a"}}{{index .Service.Labels "c"}}.', labels={"a": "b"}).data == b"b."
    assert content(text, language="").data == text.encode()


def test_a_config_with_a_secret_in_it_lies_in_memory():
    reference = FileReference("k1", "db_pass", "pass")
    found = content('password={{secret "pass"}}', SECRET, secrets=(reference,))
    assert (found.data, found.memory) == (b"password=hunter2", True)
    assert not content("plain", SECRET, secrets=(reference,)).memory


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{", "template: expansion:1: unclosed action"),
        ("a\n{{foo 1}}", 'template: expansion:2: function "foo" not defined'),
        (
            'VAL={{secret "unknowntarget"}}',
            'template: expansion:1:6: executing "expansion" at <secret "unknowntarge...>: '
            "error calling secret: secret target unknowntarget not found",
        ),
        (
            "{{.Task.Foo}}",
            'template: expansion:1:7: executing "expansion" at <.Task.Foo>: '
            "can't evaluate field Foo in type struct { ID string; Name string; Slot string }",
        ),
        (
            "{{.Foo}}",
            'template: expansion:1:2: executing "expansion" at <.Foo>: '
            "can't evaluate field Foo in type *template.PayloadContext",
        ),
        (
            "{{.Service.Labels.x}}",
            'template: expansion:1:10: executing "expansion" at <.Service.Labels.x>: map has no entry for key "x"',
        ),
    ],
)
def test_a_template_that_cannot_be_filled_in_is_refused_in_gos_words(text, why):
    with pytest.raises(Unready) as refusal:
        content(text)
    assert str(refusal.value) == (
        f"unable to get config from config store: failed to expand templated config c2: {why}"
    )


def test_another_language_of_templates_is_refused():
    with pytest.raises(Unready, match="failed to expand templated config c2: unrecognized template type"):
        content("x", language="jinja")


def test_what_is_no_field_and_no_function_of_ours_stays_as_it_is():
    assert filled("{{if .X}}a{{end}}{{/* no */}} {{- 1 }}", {}, {}) == "{{if .X}}a{{end}} {{- 1 }}"
    with pytest.raises(Fault):
        filled("{{env}}", {}, {})


# ── the agent ────────────────────────────────────────────────────────────────────────────────────────────────────

ASKED = using(FileReference("k1", "db_pass", "db_pass"))


@pytest.fixture
def rig():
    rig = Rig(Agent, NODE, "10.0.0.9")
    rig.told("engine", BeNode("node1", (("n1", "manager-1", "10.0.0.1"),)))
    return rig


def assigned(rig, *tasks, **files):
    open_session(rig)
    return rig.heard(rig.core.manager, Assignments("S", 1, False, tasks, **files))


def test_a_container_is_started_with_its_files_and_they_are_never_on_the_disk_of_the_agent(rig):
    effects = assigned(rig, ASKED, secrets=(SECRET,))
    assert FileDelivered("secret", "k1", "db_pass") in facts(effects)
    started = told(rig.told("executor", Prepared("t1", "box")), "executor")
    assert [wish.files[0].data for wish in started if isinstance(wish, Start)] == [b"hunter2"]
    assert "hunter2" not in repr(rig.values)


def test_a_task_without_its_secret_fails_when_it_is_started(rig):
    assigned(rig, ASKED)
    effects = rig.told("executor", Prepared("t1", "box"))
    why = "unable to get secret from secret store: secret k1 not found"
    assert [wish for wish in told(effects, "executor") if isinstance(wish, Start)] == [Start("t1", unready=why)]
    rig.told("executor", Broken("t1", f"starting container failed: {why}"))
    work = rig.core.works["t1"]
    assert (work.state, work.err) == (FAILED, f"starting container failed: {why}")


def test_what_is_withdrawn_is_forgotten_and_told(rig):
    assigned(rig, ASKED, secrets=(SECRET,))
    effects = rig.heard(rig.core.manager, Assignments("S", 2, False, (), withdrawn=("k1",)))
    assert facts(effects) == [FileWithdrawn("secret", "k1", "db_pass")] and rig.core.files == {}


def test_a_new_session_says_all_that_a_node_may_have(rig):
    """swarm.md §12: the first message of a session is complete. The task was removed while nobody could tell the node."""
    assigned(rig, ASKED, secrets=(SECRET,))
    rig.heard(rig.core.manager, SessionInvalid("session invalid"))
    rig.run_for(SECOND)
    assert set(rig.core.files) == {"k1"}  # what it has it keeps until it is told otherwise
    effects = open_session(rig, session="T")
    assert FileWithdrawn("secret", "k1", "db_pass") in facts(effects) and rig.core.files == {}


def test_the_memory_of_a_container_goes_with_it_however_it_goes():
    """Here a container that runs is removed, as that of a task which its managers have forgotten."""
    rig = Rig(Executor)
    rig.told("agent", Prepare("t1", "nginx:alpine", "web.1.t1", (), {"com.docker.swarm.task.id": "t1"}))
    rig.heard("registry", Layers("nginx:alpine", 1000))
    rig.run_for(SECOND)
    rig.told("agent", Start("t1", files=(FileInside("secret", "k1", "db_pass", "/run/secrets/db_pass", b"hunter2"),)))
    rig.run_for(SECOND)
    assert rig.core.files("t1") and b"hunter2" not in repr(rig.values).encode()
    rig.told("agent", Discard("t1"))
    assert rig.core.memory == {}


def test_after_a_boot_a_node_has_no_files_and_what_was_made_before_never_starts(rig):
    """moby: container.DependencyStore is in memory alone, and set when the container is made."""
    assigned(rig, ASKED, secrets=(SECRET,))
    rig.told("executor", Prepared("t1", "box"))
    assert rig.core.works["t1"].state == STARTING
    rig.boot()
    assert rig.core.files == {}
    effects = rig.told("engine", BeNode("node1", (("n1", "manager-1", "10.0.0.1"),)))
    wishes = [wish for wish in told(effects, "executor") if isinstance(wish, Start)]
    assert wishes == [Start("t1", unready="secret store is not initialized")]


def test_a_template_trims_blanks_wherever_they_are_and_however_many():
    words = {".Task.Slot": "2"}
    text = "a \n {{- .Task.Slot -}} \n  {{- .Task.Slot }} b {{ .Task.Slot -}} c{{- .Task.Slot }}"
    assert filled(text, words, {}) == "a22 b 2c2"
    assert filled(" " * 400_000 + "{{- .Task.Slot }}" + " " * 400_000, words, {}) == "2" + " " * 400_000
