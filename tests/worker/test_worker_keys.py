"""The keys of the data plane pass through the agent [networking.md §1.6]."""

from worker_rig import MANAGERS, Rig, told

from swarmlab.effects import SECOND
from swarmlab.messages import BeNode, NetworkKeys, SessionAnswer
from swarmlab.objects import Description, NetworkKey
from swarmlab.worker.agent import Agent


def test_the_keys_come_with_the_session_and_after_each_rotation_and_go_to_the_mesh():
    rig = Rig(Agent, Description("worker-1"), "10.0.0.9")
    rig.told("engine", BeNode("node1", MANAGERS))
    keys = (NetworkKey("networking:ipsec", 4, bytes(16)),)
    effects = rig.heard(rig.core.manager, SessionAnswer("S", 5 * SECOND, MANAGERS, "worker", keys))
    assert told(effects, "mesh") == [NetworkKeys(keys)]
    assert told(rig.heard(rig.core.manager, NetworkKeys(())), "mesh") == [NetworkKeys(())]
