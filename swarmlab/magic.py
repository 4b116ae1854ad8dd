"""`%docker` and `%%docker`: Docker's command line in a notebook cell. `%load_ext swarmlab` brings both.

`%docker service ls` is typed at the first manager of the variable `cluster`. `%docker @worker-1 ps` is typed on that
machine, `%docker twin@ node ls` in the cluster of another variable, `%docker twin@worker-1 ps` both. `%%docker` takes
one command per line. What the last command left is in `_docker`: stdout, stderr, exit_code and rows.
"""

import re
from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand

from .cluster import Cluster

WHERE = re.compile(r"([A-Za-z_]\w*)?@(\S*)(?:\s+|$)")  # variable@machine, either of them may be missing


@magics_class
class DockerMagics(Magics):
    """The magics; `{{.Name}}` and `$VAR` reach docker as they are typed."""

    @no_var_expand
    @line_magic("docker")
    def line(self, line: str) -> None:
        """One command: `%docker service ls`."""
        variable, machine, command = where(line)
        self._type(variable, machine, [command], echo=False)

    @no_var_expand
    @cell_magic("docker")
    def cell(self, line: str, cell: str) -> None:
        """One command per line, each shown as typed before what it prints; lines that begin with `#` are left out."""
        variable, machine, _ = where(line)
        self._type(variable, machine, commands(cell), echo=True)

    def _type(self, variable: str, machine: str | None, lines: list[str], echo: bool) -> None:
        cluster = self.shell.user_ns.get(variable)
        if not isinstance(cluster, Cluster):
            print(f"there is no cluster named {variable}: make one, {variable} = Cluster(managers=1)")
            return
        for line in lines:
            if echo:
                print(f"$ docker {line}")
            self._run(cluster, line, machine)

    def _run(self, cluster: Cluster, line: str, machine: str | None) -> Any:
        try:
            result = cluster.docker(line, machine)
        except ValueError as fault:  # a machine that does not exist
            print(fault)
            return
        self.shell.user_ns["_docker"] = result
        print(result.stdout + result.stderr, end="")  # as on a terminal, where nobody tells them apart


def where(line: str) -> tuple[str, str | None, str]:
    """The variable, the machine and the command that a line names.

    >>> where("service ls"), where("@worker-1 ps"), where("twin@ node ls")
    (('cluster', None, 'service ls'), ('cluster', 'worker-1', 'ps'), ('twin', None, 'node ls'))
    """
    found = WHERE.match(line.strip())
    if not found:
        return "cluster", None, line.strip()
    return found[1] or "cluster", found[2] or None, line.strip()[found.end() :]


def commands(cell: str) -> list[str]:
    r"""The commands of a cell; a backslash at the end of a line joins the next one to it.

    >>> commands("docker node ls\n# a remark\n\nservice create \\\n  nginx")
    ['node ls', 'service create nginx']
    """
    lines = re.sub(r"\\\n\s*", "", cell).splitlines()
    return [
        line.strip().removeprefix("docker ") for line in lines if line.strip() and not line.lstrip().startswith("#")
    ]
