"""Templates of a wish that no task could expand are refused before any is made."""

import pytest

from swarmlab.manager.expansion import fault_of, template_fault
from swarmlab.objects import ContainerSpec, Mount

STRUCT = "struct { ID string; Name string; Slot string }"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", ""),
        ("plain", ""),
        ("{{.Task.Slot}}-{{ .Node.Hostname }}-{{- .Task.Name -}}", ""),
        # SwarmKit tries it with a service without labels, so no label can be named this way
        (
            "{{.Service.Labels.tier}}",
            """1:10: executing "expansion" at <.Service.Labels.tier>: map has no entry for key "tier\"""",
        ),
        ("{{.Node.Platform.OS}}", ""),
        ('{{index .Service.Labels "a"}}', ""),
        (
            "{{.Foo.Bar}}",
            """1:6: executing "expansion" at <.Foo.Bar>: can't evaluate field Foo in type *template.Context""",
        ),
        ("{{.Foo}}", """1:2: executing "expansion" at <.Foo>: can't evaluate field Foo in type *template.Context"""),
        ("a\n{{.Task.Nr}}", f"""2:7: executing "expansion" at <.Task.Nr>: can't evaluate field Nr in type {STRUCT}"""),
        ("{{.Task.ID.X}}", """1:7: executing "expansion" at <.Task.ID.X>: can't evaluate field X in type string"""),
        ("a {{.Task", "1: unclosed action"),
    ],
)
def test_what_go_says_of_a_template(text: str, fault: str) -> None:
    assert fault_of(text) == fault


def test_environment_then_mounts_then_hostname() -> None:
    bad = ContainerSpec(env=("A={{.X}}",), mounts=(Mount(source="{{.Y}}"),), hostname="{{.Z}}")
    assert template_fault(bad).startswith('expanding env failed: expanding env "A={{.X}}": template: expansion:1:2: ')
    assert template_fault(bad._replace(env=())).startswith('expanding mounts failed: expanding mount source "{{.Y}}": ')
    assert template_fault(bad._replace(env=(), mounts=())).startswith(
        "expanding hostname failed: template: expansion:1:2"
    )
    assert template_fault(ContainerSpec(env=("{{.X}}=1", "A=b"), hostname="{{.Node.Hostname}}")) == ""
