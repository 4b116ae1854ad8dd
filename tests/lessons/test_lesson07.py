"""The judges of lesson 07: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

from math import inf

import pytest

from swarmlab.lessons import counterexample, lesson07, scenes07
from swarmlab.overlay import vxlan
from swarmlab.overlay.frames import decode

from .judging import said

# ── recall ──


def way_of(slips):
    """The letters of the slips in the order of the packet."""
    return "".join(step.letter for step in sorted(slips, key=lambda step: step.place) if step.place >= 0)


RIGHT = way_of(lesson07.slips())
STRAY = {step.layer: step.letter for step in lesson07.slips() if step.place < 0}


@pytest.mark.parametrize("answer", [RIGHT, RIGHT.lower(), " ".join(RIGHT), list(RIGHT), ", ".join(RIGHT)])
def test_recall_takes_the_order_of_the_packet(capsys, answer):
    assert said(capsys, "07.recall", answer) == "correct"


def test_the_slips_are_another_packet_for_another_seed_and_one_never_belongs_to_it():
    for seed in range(4):
        found = lesson07.slips(seed)
        stray = {step.layer: step.machine for step in found if step.place < 0}
        assert stray["host"] == "manager-1" and len(stray) == 2 and len({step.machine for step in found}) == 3
    assert way_of(lesson07.slips(1)) != way_of(lesson07.slips(2))


def test_the_solution_in_the_lesson_is_right(root):
    text = (root / "notebooks" / "07_overlay_networks.ipynb").read_text(encoding="utf-8")
    assert f'order = \\"{RIGHT}\\"' in text


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (
            RIGHT[:4] + STRAY["host"] + RIGHT[4:],
            "is on no way: look at the picture of scene 2, there is no manager in it",
        ),
        (RIGHT[:2] + STRAY["vtep"] + RIGHT[2:], "is on no way: nobody has to ask for the way"),
        (RIGHT[::-1], f"it does not begin at {RIGHT[-1]}: "),
        (
            RIGHT[:2] + RIGHT[3] + RIGHT[2] + RIGHT[4:],
            "the VTEP wraps what the bridge gives it, before the machine sends",
        ),
        (RIGHT[:3], "it is not there yet"),
        (RIGHT + RIGHT[-1], "it has arrived"),
        ("", "write the letters"),
        ("XYZ", "write the letters"),
        (5, "write the letters"),
        ([1, 2], "write the letters"),
        (None, "write the letters"),
    ],
)
def test_recall_says_what_is_out_of_place(capsys, answer, hint):
    line = said(capsys, "07.recall", answer)
    assert line.startswith("not yet: ") and hint in line


# ── modify ──

OPENED = {
    "a": [("worker-2", 4789)],
    "b": [("worker-2", "esp")],
    "c": [("worker-3", 7946)],
    "d": [("worker-1", 4789), ("worker-3", "esp")],
}


def test_modify_takes_the_fewest_ports(capsys):
    assert said(capsys, "07.modify", OPENED) == "correct"
    assert said(capsys, "07.modify", OPENED | {"b": ("worker-2", "ESP")}) == "correct"


@pytest.mark.parametrize("name", lesson07.BROKEN)
def test_every_swarm_is_broken_and_needs_as_many_ports_as_it_says(name):
    assert lesson07._still_failing(name, [])[0]
    assert len(OPENED[name]) == lesson07.BROKEN[name].fewest
    for left_out in OPENED[name]:
        assert lesson07._still_failing(name, [pair for pair in OPENED[name] if pair != left_out])[0]


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"a": []}, "a: app → web: timed out; the address was known, so news get through"),
        ({"a": [("worker-2", "esp")]}, "a: app → web: timed out"),
        ({"b": [("worker-2", 4789)]}, "b: app → web: timed out"),
        ({"c": [("worker-1", "esp")]}, "c: app → db: could not resolve host: db; nobody there knows the name"),
        ({"d": [("worker-3", "esp")]}, "d: visitor → worker-1:8080: timed out"),
        ({"a": [("worker-2", 4789), ("worker-2", "esp")]}, "it also works while esp on worker-2 stays shut"),
        ({"a": [("worker-9", 4789)]}, "no such machine: worker-9"),
        ({"a": [("worker-2", 99)]}, "nothing in this simulation uses port 99"),
        ({"a": [4789]}, "a: write a list of (machine, port)"),
        ({"a": None}, "a: write a list of (machine, port)"),
        ({"a": "4789"}, "a: write a list of (machine, port)"),
        ({"e": []}, "write a list of ports for each swarm"),
    ],
)
def test_modify_says_who_still_fails_or_what_is_too_much(capsys, change, hint):
    line = said(capsys, "07.modify", OPENED | change)
    assert line.startswith("not yet: ") and hint in line


@pytest.mark.parametrize("answer", [None, 5, [], {}, "4789", {"a": []}])
def test_modify_survives_any_answer(capsys, answer):
    assert said(capsys, "07.modify", answer).startswith("not yet: ")


def test_modify_hands_over_the_swarm_in_which_it_failed(capsys):
    said(capsys, "07.modify", OPENED | {"a": []})
    assert counterexample("07.modify").request("http://web/", source="app.1").error == "timed out"


# ── build ──


def right(frame, vni):
    return bytes([8, 0, 0, 0]) + vni.to_bytes(3, "big") + bytes(1) + frame


@pytest.mark.parametrize("wrap", [right, vxlan.wrap, lambda frame, vni: bytearray(right(frame, vni))])
def test_build_takes_the_eight_bytes(capsys, wrap):
    assert right(b"", 4097).hex(" ") == "08 00 00 00 00 10 01 00"
    assert said(capsys, "07.build", wrap) == "correct. The engine unwrapped 203 frames"


@pytest.mark.parametrize(
    ("wrap", "hint"),
    [
        (lambda frame, vni: right(b"", vni), "the frame has to follow the header"),
        (lambda frame, vni: b"\x08\0\0\0" + vni.to_bytes(4, "big") + frame, "shift it by 8 bits"),
        (lambda frame, vni: b"\x08\0\0\0" + vni.to_bytes(3, "little") + b"\0" + frame, "least significant byte first"),
        (lambda frame, vni: bytes(4) + vni.to_bytes(3, "big") + b"\0" + frame, "the first byte is 08"),
        (lambda frame, vni: b"\x08" + vni.to_bytes(3, "big") + frame, "the header has 8 bytes, yours 4"),
        (lambda frame, vni: right(frame, 4097), "bytes 4 to 6 (counted from 0) are the VNI"),
        (lambda frame, vni: right(frame, vni).hex(), "gave str: bytes are wanted"),
        (lambda frame, vni: None, "gave NoneType"),
        (lambda frame: frame, "it raised TypeError"),
        (5, "write a function"),
        (b"\x08", "write a function"),
    ],
)
def test_build_says_which_bytes_are_wrong(capsys, wrap, hint):
    line = said(capsys, "07.build", wrap)
    assert line.startswith("not yet: ") and hint in line


# ── what the scenes show ──


def test_a_bridge_ends_with_its_machine():
    rows = dict(line.split(maxsplit=1) for line in scenes07.reached(scenes07.islands()).splitlines()[1:])
    assert rows["db"].count("db answers") == 2 and "172.19.0.2: app answers" in rows["far"]  # it meets itself
    assert all(" unknown " in rows[name] for name in ("far", "plain", "bare", "alone"))
    assert rows["bare"].endswith("answered") and rows["alone"].endswith("no route to host")


def test_no_manager_is_on_the_way_and_it_is_wrapped_between_the_machines():
    way = scenes07.shop().trace_packet("app.1", "http://tasks.db/")
    assert [hop.machine for hop in way.there] == ["worker-1"] * 4 + ["worker-3"] * 4
    assert [layer.name for layer in decode(way.there[3].frame)].count("Ethernet") == 2
    assert (
        "8 stops: worker-1 (container, bridge, VTEP, host); worker-3 (host, VTEP, bridge, container), no manager"
        in scenes07.tell_way(way)
    )


def test_each_port_has_its_own_symptom():
    """networking.md §1.7"""
    rows = scenes07.matrix()
    works = {port: tuple(row[q][0] for q in list(row)[1:3]) for port, row in rows.items()}
    assert all(works[port] == (True, True) for port in ("nothing", "2377", "7946/udp", "7946/tcp"))
    assert works["7946, both"] == (False, False) and works["4789"] == (False, True) and works["ESP"] == (True, False)
    assert [port for port, row in rows.items() if not row["name resolves?"]] == ["7946, both"]
    late = {port: row["a new task is known after"] for port, row in rows.items()}
    assert late["nothing"] < 3 < late["7946/udp"] < 60 and late["7946, both"] == inf
    assert rows["2377"]["node ls says"][1] == "Down" and rows["4789"]["node ls says"][1] == "Ready all the same"


def test_two_shut_ports_cost_fewer_visits_than_one():
    (first, one), (second, two) = (scenes07.visited(ports) for ports in ([4789], [4789, 7946]))
    bars = scenes07.silence("one", first, one), scenes07.silence("both", second, two)
    assert bars[0].dropped is None and 0 < bars[1].dropped < 30
    assert bars[0].lost == tuple(range(0, 40, 2)) and max(bars[1].lost) < bars[1].dropped
    words = scenes07.tell_silence(bars)
    assert words.startswith("one: no node notices in 40 s, 20 requests lost. both: the nodes drop worker-2 after ")
    texts = [text.get_text() for text in scenes07.draw_silence(bars).texts]
    assert texts.count("firewall taken down") == 2 and any(text.startswith("dropped by gossip") for text in texts)
    lost = [[at for at, _, _, ok in rows if not ok] for rows in (one, two)]
    assert len(lost[0]) == (scenes07.OPEN - scenes07.FAULT) / 2 and 0 < len(lost[1]) < len(lost[0]) / 2
    assert {task for at, _, task, _ in two if at > scenes07.END - 10} == {"web.1", "web.2"}


def test_who_listens_reads_a_login_unless_it_is_encrypted():
    assert "password=tulip" in scenes07.overheard()
    assert "ESP" in scenes07.overheard(encrypted=True) and "tulip" not in scenes07.overheard(encrypted=True)


@pytest.mark.parametrize(("size", "encrypted"), [(1450, False), (1424, True)])
def test_a_frame_of_the_largest_size_just_fits(size, encrypted):
    outer = decode(scenes07.frame_of(size, encrypted))[1]
    assert outer.name == "IPv4" and outer.total == 1500
    assert scenes07.fate(size, size, 1500, encrypted).endswith("0 to spare.")


def test_knobs_say_what_becomes_of_a_packet_and_of_tasks():
    assert lesson07.boxes(1475)[1].startswith("1475 bytes do not leave the container: message too long, mtu=1450.")
    assert lesson07.boxes(1450, wire=1400)[1].endswith("where 1400 may pass: lost, and nobody is told.")
    assert lesson07.boxes(1350, wire=1400, docker_believes=1400)[1].endswith("0 to spare.")
    assert lesson07.subnet(28, 3, 12)[1].endswith("no address is free; 3 tasks wait for one.")
    assert lesson07.subnet(28, 5, 30)[1].endswith("no address is free; 23 tasks wait for one.")
    assert (
        lesson07.ports()[1]
        == "What each shut port breaks. 4789: connection opens? timed out, node ls says Ready all the same."
    )
    assert lesson07.ports("4789", "worker-3")[1] == "What each shut port breaks. 4789: nothing changes."


def test_a_task_on_a_colliding_range_does_not_reach_the_office():
    office = scenes07.office()
    assert office.request("http://10.0.1.10:8080/", source="web.1").error == "no route to host"


def test_a_stale_route_leads_to_nobody():
    lost = scenes07.gone().trace_packet("app.1", "http://tasks.db/")
    assert lost.error == "timed out" and "a stale route led here" in lost.there[-1].said


def test_a_rotation_keeps_two_keys_that_could_open_before():
    before, _, after = scenes07.rotation(scenes07.shop("--opt encrypted")).splitlines()
    assert "keys 1 2 3, seals with key 2" in before and "keys 2 3 4, seals with key 3" in after


def test_compare_agrees_with_the_real_engine(capsys):
    lesson07.compare()
    ours = [line[32:].split("the real engine:")[0].strip() for line in capsys.readouterr().out.splitlines()]
    assert ours == ["1450", "1424", "253", "4096 4097"]


# ── predictions ──
