"""Frames between nodes: where they go, who takes them, and why they end (networking.md §1)."""

import random

import pytest
from harness import endpoint

from swarmlab.effects import SECOND, Note, Received, Send, Tell, Told
from swarmlab.events import FrameDropped, PacketPassed, RequestServed
from swarmlab.messages import (
    Advertised,
    Attach,
    Detach,
    EnterNetwork,
    Entry,
    Expose,
    NetworkKeys,
    NetworksHere,
    OverlayNetwork,
    PortConfig,
    Publish,
    QuitNetwork,
    Served,
    TablesChanged,
    Withdraw,
)
from swarmlab.objects import NetworkKey
from swarmlab.overlay.ipvs import IDLE
from swarmlab.overlay.mesh import Mesh
from swarmlab.overlay.wire import Frame, Response, Visit

INGRESS = OverlayNetwork("net-ingress", "ingress", "10.0.0.0/24", "10.0.0.1", 4096, "10.0.0.250", ingress=True)
FRONT = OverlayNetwork("net-front", "front", "10.0.1.0/24", "10.0.1.1", 4097, "10.0.1.250")
SECRET = OverlayNetwork("net-secret", "secret", "10.0.2.0/24", "10.0.2.1", 4098, "10.0.2.250", encrypted=True)
KEYS = tuple(NetworkKey("networking:ipsec", tag, bytes([tag]) * 16) for tag in (1, 2, 3))
NODES = ("n1", "n2", "n3")


WEB = ("net-ingress", "id-web", ((80, 80, "tcp"),))  # the pool behind its published port


class Lab:
    """Three nodes whose wire and gossip are in our hands: rows reach the others only when `gossip` is called."""

    def __init__(self, mesh=Mesh, networks=(INGRESS, FRONT)):
        self.meshes = {name: mesh(name, None, random.Random(name)) for name in NODES}
        self.untold = {name: [] for name in NODES}  # rows that this node has not heard of
        self.now, self.number, self.facts, self.ends, self.sent = 0, 0, [], {}, []
        self.status = 200  # what all containers answer
        self.nowhere = []  # requests that were sent to an address of no machine
        self.took = []  # (machine, request, task): who was given a request to work on
        for n, name in enumerate(NODES):
            own = tuple(one._replace(address=one.address[:-1] + str(n)) for one in networks)
            self.tell(name, NetworksHere(own))
            self.tell(name, NetworkKeys(KEYS))

    def tell(self, name, message):
        self.do(name, self.meshes[name].step(Told("agent", message), self.now))

    def expose(self, machine, task, **more):
        self.tell(machine, Expose(endpoint(task, machine, **more)))

    def gossip(self, *names):
        for name in names or NODES:
            entries, self.untold[name] = tuple(self.untold[name]), []
            self.do(name, self.meshes[name].step(Told("gossip", TablesChanged(entries)), self.now))

    def check(self, name, serve, frame):
        """A container takes what was sent to it, in its own network."""
        one = self.meshes[name].tables.local[serve.key]
        if isinstance(frame, Frame):
            network = {4096: "net-ingress", 4097: "net-front", 4098: "net-secret"}[frame.vni]
            assert (network, frame.target) in [(id, address) for id, _, address in one.addresses], "of another network"

    def do(self, name, effects, message=None):
        for effect in effects:
            match effect:
                case Note(fact):
                    self.facts.append((name, fact))
                case Tell("gossip", Publish(network, table, key, value)):
                    for other in NODES:
                        if other != name:
                            self.untold[other].append(Entry(network, table, key, name, value))
                case Tell("executor", serve):
                    self.check(name, serve, message)
                    self.took.append((name, serve.request, serve.key))
                    self.do(
                        name,
                        self.meshes[name].step(
                            Told("executor", Served(serve.request, serve.key, self.status)), self.now
                        ),
                    )
                case Send("client", "http", Response() as response):
                    assert response.request not in self.ends, "answered twice"
                    self.ends[response.request] = response
                case Send(to, channel, carried):
                    self.sent.append((name, to, channel, effect))
                    if to not in self.meshes:
                        self.nowhere.append(carried.request)
                    else:
                        self.do(to, self.meshes[to].step(Received(name, carried), self.now), carried)

    def visit(self, name, port=80, **more):
        self.number += 1
        visit = Visit(self.number, port, "/", **more)
        self.do(name, self.meshes[name].step(Received("client", visit), self.now))
        return self.ends.get(self.number)

    def dropped(self, request=None):
        facts = [fact for _, fact in self.facts if type(fact) is FrameDropped]
        return [fact.reason for fact in facts if fact.request == (request or self.number)]


@pytest.fixture
def lab():
    """web.1 on n2, web.2 on n3, published on 80; a client, db.1, on n1."""
    made = Lab()
    made.expose("n2", "a", ports=(80,))
    made.expose("n3", "b", name="web.2", ports=(80,), octet=4)
    made.expose("n1", "d", name="db.1", octet=9)
    made.gossip()
    return made


# ── by the tables, right or wrong ──


def test_a_frame_goes_to_the_vtep_that_the_table_names(lab):
    assert lab.visit("n1", host="tasks.web", source="d").status == 200
    (_, to, channel, effect), *_ = lab.sent
    assert (to, channel, effect.message.vni, effect.message.target) == ("n2", "vxlan", 4097, "10.0.1.3") or to == "n3"


def test_a_stale_route_is_a_black_hole_until_gossip_says_so(lab):
    """networking.md §1.2: between the move and the gossip event's arrival, packets go to the old VTEP."""
    lab.tell("n2", Withdraw("a"))
    lab.tell("n2", Detach("a"))
    errors = [lab.visit("n1") for _ in range(2)]
    assert sorted(answer.name if answer else "lost" for answer in errors) == ["lost", "web.2"]
    assert [r for n in (1, 2) for r in lab.dropped(n)] == ["nobody here has 10.0.0.3: a stale route led here"]
    lab.gossip("n1")
    assert [lab.visit("n1").name for _ in range(2)] == ["web.2", "web.2"]


def test_who_has_not_heard_of_a_task_does_not_send_there(lab):
    lab.expose("n2", "c", name="web.3", ports=(80,), octet=5)
    assert {lab.visit("n1").name for _ in range(4)} == {"web.1", "web.2"}
    lab.gossip("n1")
    assert {lab.visit("n1").name for _ in range(3)} == {"web.1", "web.2", "web.3"}


def test_an_unknown_address_of_a_network_has_no_route(lab):
    assert lab.visit("n1", host="10.0.1.77", source="d").error == "no route to host"


def test_a_name_without_a_route_has_none(lab):
    lab.untold["n1"] = []
    lab.expose("n2", "c", name="late.1", octet=5, mode="dnsrr")
    lab.untold["n1"] = [entry for entry in lab.untold["n1"] if entry.table == "endpoint_table"]
    lab.gossip("n1")
    assert lab.visit("n1", host="late", source="d").error == "no route to host"


def test_a_container_that_the_others_do_not_know_gets_no_answer(lab):
    """It asks a task straight; the way back needs its row."""
    lab.expose("n1", "e", name="new.1", octet=12)
    assert lab.visit("n1", host="10.0.1.3", source="e") is None
    assert lab.dropped() == ["nobody knows where 10.0.1.12 is: no way back"]
    lab.gossip()
    assert lab.visit("n1", host="10.0.1.3", source="e").status == 200


def test_frames_of_a_network_that_the_node_does_not_have_are_dropped(lab):
    lab.tell("n2", NetworksHere((INGRESS,)))
    assert lab.visit("n1", host="10.0.1.3", source="d") is None
    assert lab.dropped() == ["VXLAN 4097: no container of this node is on that network"]


def test_a_node_forgets_the_rows_of_a_network_that_it_leaves_and_gossip_is_told(lab):
    before = len(lab.meshes["n1"].tables.services.rows)
    effects = lab.meshes["n1"].step(Told("agent", NetworksHere((INGRESS,))), 0)
    assert Tell("gossip", QuitNetwork("net-front")) in effects and before > 2
    assert not [place for place in lab.meshes["n1"].tables.services.rows if place == ("net-front", "a")]
    back = lab.meshes["n1"].step(Told("agent", NetworksHere((INGRESS, FRONT))), 0)
    assert back[0] == Tell("gossip", EnterNetwork("net-front"))
    assert [e.message.key for e in back[1:]] == ["d", "d"]  # its own rows are told again


def test_frames_go_to_the_address_that_is_advertised_even_if_it_is_wrong(lab):
    lab.tell("n2", Advertised("10.0.2.15"))
    lab.gossip()
    assert lab.visit("n1", host="10.0.1.3", source="d") is None and lab.sent[-1][1] == "10.0.2.15"
    # Its own load balancer is answered there, too.
    lab.tell("n1", Advertised("192.168.9.9"))
    lab.gossip()
    outcomes = [lab.visit("n1") for _ in range(2)]
    assert outcomes == [None, None] and {to for _, to, _, _ in lab.sent[-4:]} >= {"192.168.9.9"}


# ── encryption ──


@pytest.fixture
def secret():
    made = Lab(networks=(INGRESS, SECRET))
    where = (("net-secret", "secret", "10.0.2.3"),)
    made.expose("n2", "a", networks=where)
    made.expose("n1", "d", name="db.1", networks=(("net-secret", "secret", "10.0.2.9"),))
    made.gossip()
    return made


def test_an_encrypted_network_uses_esp_and_no_port(secret):
    assert secret.visit("n1", host="tasks.web", source="d").hops[1] == ("esp", "n2", "from n1, IP protocol 50")
    assert {channel for _, _, channel, _ in secret.sent} == {"esp"}


def test_a_clear_frame_of_an_encrypted_network_is_dropped(secret):
    frame = Frame(4098, "10.0.2.9", "10.0.2.3", Visit(7, 80, "/"), 80, vtep="n1")
    secret.do("n2", secret.meshes["n2"].step(Received("n1", frame), 0))
    assert secret.dropped(7) == ["it is not encrypted, and this network is"] and not secret.took


def test_a_key_that_is_not_known_opens_nothing_and_one_rotation_apart_is_near_enough(secret):
    """networking.md §1.6: three keys are accepted, the second is used."""
    new = tuple(NetworkKey("networking:ipsec", tag, bytes([tag]) * 16) for tag in (2, 3, 4))
    newest = tuple(NetworkKey("networking:ipsec", tag, bytes([tag]) * 16) for tag in (4, 5, 6))
    secret.tell("n1", NetworkKeys(new))
    assert secret.visit("n1", host="tasks.web", source="d").status == 200
    secret.tell("n1", NetworkKeys(newest))
    assert secret.visit("n1", host="tasks.web", source="d") is None and secret.dropped() == ["no key 5 is known here"]


def test_without_keys_nothing_is_sent_in_an_encrypted_network(secret):
    secret.tell("n1", NetworkKeys(()))
    assert secret.visit("n1", host="tasks.web", source="d") is None
    assert secret.dropped() == ["this node has no keys for encrypted networks"]


# ── ingress, and ports of a machine ──


@pytest.fixture
def reused(lab):
    """The address of web.1 has been given to a task that publishes nothing, and n1 has not heard of it."""
    lab.tell("n2", Withdraw("a"))
    lab.tell("n2", Detach("a"))
    lab.expose("n2", "z", name="other.1")
    return lab


def test_a_task_takes_on_ingress_only_what_it_publishes(reused):
    """networking.md §1.4, point 5."""
    answers = [reused.visit("n1") for _ in range(2)]
    assert sorted(answer.name if answer else "lost" for answer in answers) == ["lost", "web.2"]
    reasons = [reason for n in (1, 2) for reason in reused.dropped(n)]
    assert reasons == ["other.1 does not publish port 80: its ingress interface drops it"]


def test_a_traced_packet_is_lost_once(reused):
    for _ in range(2):
        reused.visit("n1", traced=True)
    lost = [fact.lost for _, fact in reused.facts if type(fact) is PacketPassed and fact.lost]
    assert lost == ["port 80 is not one that other.1 publishes: dropped"]


def test_while_an_update_adds_a_port_it_leads_to_the_new_tasks_alone(lab):
    lab.expose("n3", "c", name="web.3", ports=(80, 81), octet=5)
    lab.gossip()
    assert [lab.visit("n1", port=81).name for _ in range(3)] == ["web.3"] * 3


def test_an_answer_that_is_a_refusal_says_nothing_of_how_fast_a_task_is(lab):
    lab.status = 0
    lab.now = SECOND
    assert lab.visit("n1").error == "connection refused"
    pool = lab.meshes["n1"].tables.services.pools[WEB]
    assert [(backend.active, backend.latency) for backend in pool.backends] == [(0, 0)] * 2


def test_a_node_without_an_address_on_ingress_opens_no_port():
    lab = Lab()
    lab.tell("n1", NetworksHere((INGRESS._replace(address=""), FRONT)))
    lab.expose("n2", "a", ports=(80,))
    lab.gossip()
    assert lab.visit("n1").error == "connection refused" and lab.visit("n2").status == 200


def test_a_task_asks_a_published_port_of_any_machine_its_own_included(lab):
    """By docker_gwbridge, as a client from outside."""
    for machine in NODES:
        assert lab.visit("n1", host="node", source="d", outside=machine).status == 200
    assert lab.visit("n1", port=9, host="node", source="d", outside="n2").error == "connection refused"
    assert not lab.meshes["n1"].outside and not lab.meshes["n1"].waiting


def test_an_address_that_nobody_has_leads_out_into_nowhere(lab):
    assert lab.visit("n1", host="192.168.50.9", source="d") is None and lab.sent[-1][1] == "192.168.50.9"


def test_a_task_that_has_just_ended_asks_nobody(lab):
    assert lab.visit("n1", host="web", source="nobody").error == "no route to host"


def test_every_container_has_its_own_address_on_the_gateway_bridge():
    lab = Lab()
    for octet, task in enumerate("xyz", 20):
        lab.expose("n1", task, name=f"s.{octet}", octet=octet)
    assert list(lab.meshes["n1"].tables.gateways.values()) == ["172.18.0.3", "172.18.0.4", "172.18.0.5"]
    lab.tell("n1", Detach("y"))
    lab.tell("n1", Attach(endpoint("w", "n1", octet=30)))
    assert lab.meshes["n1"].tables.gateways["w"] == "172.18.0.4"


def test_a_container_of_the_machine_on_an_attachable_overlay_is_reached_by_its_name_and_address(lab):
    plain = endpoint("c" * 64, "n3", name="tool", networks=(("net-front", "front", "10.0.1.40"),))
    plain = plain._replace(service="", service_name="", virtual_ips=(), aliases=(("net-front", "tool"),))
    lab.tell("n3", Expose(plain))
    lab.gossip()
    assert lab.visit("n1", host="tool", source="d").task == "c" * 64
    assert lab.visit("n3", host="web", source="c" * 64).status == 200


# ── connections ──


def test_a_connection_stays_with_its_task(lab):
    """networking.md §4.1: per connection, not per request."""
    names = [lab.visit("n1", connection=77, opens=n == 0).name for n in range(4)]
    assert len(set(names)) == 1 and lab.meshes["n1"].tables.services.pools[WEB].turn == 1
    assert lab.visit("n1").name != names[0]


def test_a_connection_goes_on_while_its_task_is_about_to_stop_and_new_ones_do_not_go_there(lab):
    lab.visit("n1", connection=77)
    lab.tell("n2", Withdraw("a"))
    lab.gossip()
    assert lab.visit("n1", connection=77, opens=False).name == "web.1"
    assert {lab.visit("n1").name for _ in range(3)} == {"web.2"}


def test_when_the_task_has_gone_its_connections_are_forgotten(lab):
    """sysctl expire_nodest_conn."""
    lab.visit("n1", connection=77)
    lab.tell("n2", Detach("a"))
    lab.gossip()
    assert lab.visit("n1", connection=77, opens=False) is None and "has gone" in lab.dropped()[0]


def test_a_connection_through_a_load_balancer_is_forgotten_after_15_idle_minutes(lab):
    """networking.md §1.5: the classic hang."""
    lab.visit("n1", connection=77)
    pool = lab.meshes["n1"].tables.services.pools[WEB]
    assert pool.backends[0].inactive == 1
    lab.now = IDLE - SECOND
    assert lab.visit("n1", connection=77, opens=False).status == 200
    lab.now += IDLE
    assert lab.visit("n1", connection=77, opens=False) is None and pool.backends[0].inactive == 0


def test_a_connection_straight_to_a_task_is_never_forgotten(lab):
    first = lab.visit("n1", host="tasks.web", source="d", connection=77)
    lab.now = 10 * IDLE
    assert lab.visit("n1", host="tasks.web", source="d", connection=77, opens=False).task == first.task


# ── room ──


def test_frames_say_how_large_their_packets_are(lab):
    """networking.md §1.1: 1450 inside is 1500 on the wire."""
    lab.visit("n1", size=20_000)
    (_, _, _, request), (_, _, _, answer) = lab.sent
    assert (request.packet, answer.packet) == (300 + 40 + 50, 1500) and answer.size == 15 * 1500


def test_an_encrypted_answer_has_1424_bytes_inside(secret):
    secret.visit("n1", host="tasks.web", source="d", size=20_000)
    assert secret.sent[-1][3].packet == 1500 - 1500 % 4 and secret.meshes["n1"].tables.networks["net-secret"].encrypted


def test_the_driver_option_makes_packets_smaller():
    lab = Lab(networks=(INGRESS, FRONT._replace(mtu=1400)))
    lab.expose("n2", "a")
    lab.expose("n1", "d", name="db.1", octet=9)
    lab.gossip()
    lab.visit("n1", host="tasks.web", source="d", size=20_000)
    assert lab.sent[-1][3].packet == 1400


@pytest.mark.parametrize(("size", "error"), [(1450, ""), (1451, "message too long, mtu=1450")])
def test_a_ping_that_must_not_be_cut_fits_or_is_refused_on_the_spot(lab, size, error):
    assert lab.visit("n1", port=0, host="tasks.web", source="d", ping=True, size=size).error == error
    assert not lab.took  # no program is asked


def test_a_virtual_ip_is_pinged_on_the_own_node(lab):
    assert lab.visit("n1", port=0, host="web", source="d", ping=True, size=84).status == 200 and not lab.sent


# ── laws ──


def wander(lab, dice, steps=250):
    """Containers come and go, gossip arrives late or not at all for a while, and everybody asks everybody."""
    live = {}
    for _ in range(steps):
        lab.now += dice.randrange(100 * SECOND)
        task, name = f"t{dice.randrange(8)}", dice.choice(NODES)
        act = dice.randrange(8)
        if act == 0 and task not in live:
            number = int(task[1])
            networks = (INGRESS, FRONT) if number % 2 else (INGRESS,)
            where = tuple((one.id, one.name, f"{one.subnet[:-4]}{number + 10}") for one in networks)
            lab.expose(name, task, name=f"s{number % 3}.{task[1]}", octet=7, ports=(8000 + number % 3,), networks=where)
            live[task] = name
        elif act == 1 and task in live:
            lab.tell(live[task], Withdraw(task))
        elif act == 2 and task in live:
            lab.tell(live.pop(task), Detach(task))
        elif act == 3:
            lab.gossip(name)
        elif act in (4, 5):
            lab.visit(name, port=8000 + dice.randrange(4))
        elif task in live:
            host = dice.choice(("s0", "s1", "tasks.s2", "10.0.1.13", "10.0.0.12", "10.0.1.200"))
            lab.visit(live[task], host=host, source=task, port=8000)
        judge(lab)


def judge(lab):
    """Every request so far has come to exactly one end: answered, refused, or dropped with a reason."""
    for number in range(1, lab.number + 1):
        ends = (number in lab.ends) + len(lab.dropped(number)) + lab.nowhere.count(number)
        assert ends == 1, f"request {number} has {ends} ends"


def test_everything_sent_is_answered_refused_or_dropped_with_a_reason_and_never_in_another_network():
    drops = 0
    for seed in range(12):
        lab = Lab()
        wander(lab, random.Random(seed))
        assert len(lab.ends) > 50
        drops += sum(len(lab.dropped(n)) for n in range(lab.number))
        assert len([1 for _, fact in lab.facts if type(fact) is RequestServed]) > 8
    assert drops > 30


def test_a_mesh_that_takes_frames_for_others_is_caught():
    class Generous(Mesh):
        def _arrive(self, frame, now):
            if self.tables.here and frame.answer is None:
                frame = frame._replace(target=next(iter(self.tables.here))[1])
            return super()._arrive(frame, now)

    with pytest.raises(AssertionError):
        for seed in range(6):
            wander(Lab(mesh=Generous), random.Random(seed))


def test_a_mesh_that_drops_in_silence_is_caught():
    class Silent(Mesh):
        def _drop(self, frame, layer, reason):
            return []

    with pytest.raises(AssertionError, match="has 0 ends"):
        for seed in range(6):
            wander(Lab(mesh=Silent), random.Random(seed))


def test_ports_published_in_host_mode_are_not_balanced(lab):
    lab.expose("n1", "h", name="proxy.1", ports=(PortConfig(80, 9000, publish_mode="host"),), octet=30)
    assert lab.visit("n1", port=9000).task == "h" and lab.visit("n2", port=9000).error == "connection refused"
