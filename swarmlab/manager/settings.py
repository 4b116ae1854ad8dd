"""What people may change of the swarm as a whole: its settings, its tokens, its unlock key, its root certificate.

The texts are Docker's. Source: swarmkit `manager/controlapi/cluster.go`; moby `daemon/cluster/convert/swarm.go`.
"""

from ..effects import SECOND, Dice
from ..messages import UpdateObject
from ..objects import ApiError, Cluster, Put, replace
from ..trust.tokens import new_secret, token, unlock_key
from . import ca
from .store import Store
from .validation import check_version, refuse

SHORTEST_CERTIFICATE = 3600 * SECOND
DEFAULT_WHEN_ZERO = ("heartbeat_period", "snapshot_interval", "certificate_expiry", "election_tick", "heartbeat_tick")
SETTINGS = (  # what of the object is a wish; the rest is what came of it
    "name labels task_history_limit heartbeat_period snapshot_interval log_entries_for_slow_followers election_tick "
    "heartbeat_tick certificate_expiry autolock keep_old_snapshots external_cas force_rotate"
).split()


def shown(cluster: Cluster | None) -> Cluster | None:
    """As people may see it: whoever wants the unlock key asks for it, the keys of the data plane are for nodes only, and
    those of roots for managers."""
    if cluster is None:
        return None
    rotation = cluster.rotation and replace(cluster.rotation, key=0)
    return replace(cluster, unlock_key="", network_keys=(), root_key=0, rotation=rotation)


def current(store: Store) -> Cluster:
    if store.cluster is None:
        raise ApiError("cluster default not found")
    return store.cluster


def update(store: Store, request: UpdateObject, dice: Dice, now: int) -> list:
    """New settings. Autolock that is switched on gets a key, and a forced rotation a new root. Raises ApiError."""
    old, wish = current(store), request.spec
    kept = {name: getattr(old, name) for name in DEFAULT_WHEN_ZERO if getattr(wish, name) == 0}
    new = replace(old, **{name: getattr(wish, name) for name in SETTINGS} | kept)
    if new.certificate_expiry < SHORTEST_CERTIFICATE:
        refuse("InvalidArgument", "minimum certificate expiry time is: 1h0m0s")
    if new.heartbeat_period < 0:
        refuse("InvalidArgument", "heartbeat time period cannot be a negative duration")
    if new.name != "default":
        refuse("InvalidArgument", "modification of cluster name is not allowed")
    check_version(old, request.version)
    if new.autolock and not old.unlock_key:
        new = replace(new, unlock_key=unlock_key(dice))
    elif not new.autolock:
        new = replace(new, unlock_key="")
    for what in request.rotate:
        new = _rotated(new, what, dice)
    return [Put(ca.begun(new, dice, now) if new.force_rotate != old.force_rotate else new)]


def rotate_token(store: Store, role: str, dice: Dice) -> list:
    return [Put(_rotated(current(store), role, dice))]


def rotate_unlock_key(store: Store, dice: Dice) -> list:
    """Without autolock there is no key to replace; SwarmKit writes the object once more all the same."""
    return [Put(_rotated(current(store), "unlock-key", dice))]


def _rotated(cluster: Cluster, what: str, dice: Dice) -> Cluster:
    """With another token for managers or workers, or another unlock key."""
    if what == "unlock-key":
        return replace(cluster, unlock_key=unlock_key(dice)) if cluster.autolock else cluster
    fresh = token(cluster.ca_digest, new_secret(dice))
    return replace(cluster, **{"manager_token" if what == "manager" else "worker_token": fresh})
