"""Bugs of secrets and locks to plant: which law must catch each, in runs with faults."""

from collections.abc import Callable, Iterator
from typing import Any

from .. import theft
from ..effects import Save
from ..manager import dispatcher
from ..overlay.gossip import Gossip
from ..raft.core import RaftNode
from ..trust import keyfile
from ..worker import locking
from ..worker.agent import Agent
from ..worker.executor import Executor
from ..world import World
from .mutants import Catch, Mutant, Patch
from .secret_laws import GIVEN_AWAY, OPEN, SILENT, STALE, USED


def _lends_all() -> Iterator[Patch]:
    honest = dispatcher.lend

    def lend(store: Any, tasks: Any, session: Any) -> tuple:
        secrets, configs = honest(store, tasks, session)
        return (tuple(store.all("secret")), configs) if secrets else (secrets, configs)

    yield dispatcher, "lend", lend


def _never_withdraws() -> Iterator[Patch]:
    yield dispatcher, "withdraw", lambda tasks, session: ()


def _agent_writes() -> Iterator[Patch]:
    honest = Agent._keep_files

    def keep(agent: Any, files: dict) -> list:
        return [*honest(agent, files), Save("files", tuple(files.values()))]

    yield Agent, "_keep_files", keep


def _container_writes() -> Iterator[Patch]:
    honest = Executor._given

    def given(executor: Any, key: str, box: Any, files: tuple) -> list:
        return honest(executor, key, box, tuple(one._replace(memory=False) for one in files))

    yield Executor, "_given", given


def _container_keeps() -> Iterator[Patch]:
    honest = Executor._end

    def end(executor: Any, key: str, *rest: Any) -> list:
        kept = executor.memory.get(key)
        effects = honest(executor, key, *rest)
        if kept:
            executor.memory[key] = kept
        return effects

    yield Executor, "_end", end


def _log_open() -> Iterator[Patch]:
    yield theft, "sealed", lambda key, content: content


def _raft_starts() -> Iterator[Patch]:
    yield World, "_raft_node", lambda world, one, disk, dice: RaftNode(one.name, disk, dice, world.raft)


def _gossips() -> Iterator[Patch]:
    honest = Gossip.__init__
    yield Gossip, "__init__", lambda core, machine, disk, dice, sealed=False: honest(core, machine, disk, dice)


def _seals_half() -> Iterator[Patch]:
    honest = keyfile.written

    def written(keys: Any, unlock_key: bytes = b"", version: int = 0) -> Any:
        return honest(keys, unlock_key, version)._replace(dek=keys.dek)

    yield keyfile, "written", written
    yield keyfile, "opened", lambda file, key=b"": None if file.sealed and not key else keyfile.Keys(file.tls, file.dek)


def _keeps_the_log_key() -> Iterator[Patch]:
    honest = locking.Lock._new_key
    yield locking.Lock, "_new_key", lambda lock: lock.keys.dek if lock.keys and lock.keys.dek else honest(lock)


MUTANTS: dict[str, Mutant] = {
    name: Mutant(0, about, caught, lambda patches=patches: list(patches()), {})  # type: ignore[misc]
    for name, about, caught, patches in (
        ("lends all", "who needs one secret gets all", (USED,), _lends_all),
        ("never withdraws", "what was lent stays", (USED,), _never_withdraws),
        ("agent writes", "the agent keeps its files over a boot", (OPEN,), _agent_writes),
        ("container writes", "secrets are files like others", (OPEN,), _container_writes),
        ("container keeps", "the memory of a container outlives it", (USED,), _container_keeps),
        ("open log", "the log is written as it is", (OPEN, GIVEN_AWAY), _log_open),
        ("raft starts", "a locked machine takes part in raft", (SILENT,), _raft_starts),
        ("gossips", "a locked machine gossips", (SILENT,), _gossips),
        ("seals half", "the key of the log stays open in the header", (GIVEN_AWAY,), _seals_half),
        ("keeps the log key", "autolock seals a key that lay open", (STALE,), _keeps_the_log_key),
    )
}


def hunt(make: Callable, name: str, seeds: int = 20) -> Catch:
    """Run seed after seed with this bug, until what must catch it does. `make` is `Cluster`."""
    from . import secret_storms

    mutant, begun = MUTANTS[name], secret_storms.swarm(make)
    for seed in range(seeds):
        finding = secret_storms.run(secret_storms.draw(seed, mutant.focus), begun.fork(), mutant)
        if finding and finding.law in mutant.caught:
            return Catch(name, finding.law, seed, finding)
    return Catch(name, "", -1)
