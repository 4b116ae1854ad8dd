"""What is posted to `/containers/create` as a container to be made.

Source: Docker Engine API v1.47, "Create a container". What the simulation has no counterpart for is read and left aside;
what would wait for a keyboard is refused.
"""

import re
from typing import Any

from ...messages import ContainerSettings, ListImages, Run
from ...objects import LogDriver, Mount, NetworkTarget, PortConfig
from ...worker import images
from ..containers import POLICIES
from ..session import Session
from .asked import Asked, Refusal
from .decode import body
from .specs_container import health_check, mount

Values = dict[str, Any]
PORT = re.compile(r"([0-9]{1,5})(?:/(tcp|udp|sctp))?", re.ASCII)
NO_KEYBOARD = "the simulation has no keyboard and no terminal for a container: leave -i and -t away"


def check_image(session: Session, image: str) -> None:
    """Raises `Refusal` where it is not on this machine."""
    reference = images.full(image)
    if not any(row.reference == reference for row in session.call(ListImages())):
        raise Refusal(404, f"No such image: {reference}")


def posted_container(asked: Asked) -> Run:
    """Raises `Refusal`."""
    values = body(asked, "ContainerCreate")
    host = values.get("HostConfig", {})
    if not values.get("Image"):
        raise Refusal(400, "No image was specified in the container's configuration")
    if values.get("OpenStdin") or values.get("Tty"):
        raise Refusal(400, NO_KEYBOARD)
    args = (*_words(values.get("Entrypoint"), "Entrypoint"), *_words(values.get("Cmd"), "Cmd"))
    return Run(
        values["Image"],
        asked.query.get("name", ""),
        args,
        _ports(host.get("PortBindings", {})) or _all_ports(values["Image"], host),
        _settings(values, host),
        values.get("Labels", {}),
        _networks(values, host),
        host.get("AutoRemove", False),
        start=False,
    )


def _words(value: Any, name: str) -> tuple[str, ...]:
    """A list of words; one text is a list of one."""
    words = [value] if isinstance(value, str) else value or []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Refusal(400, f"json: cannot unmarshal into Go struct field CreateRequest.{name} of type []string")
    return tuple(words)


def _settings(values: Values, host: Values) -> ContainerSettings:
    log, check = host.get("LogConfig", {}), values.get("Healthcheck")
    mounts = (*(_known(one) for one in host.get("Mounts", ())), *(_bind(text) for text in host.get("Binds", ())))
    return ContainerSettings(
        env=_environment(values),
        hostname=values.get("Hostname", ""),
        mounts=(*mounts, *_nameless(values, {mount.target for mount in mounts})),
        log_driver=LogDriver(log["Type"], log.get("Config", {})) if log.get("Type") else None,
        restart=_policy(host),
        healthcheck=health_check(check) if check else None,
        user=values.get("User", ""),
    )


def _environment(values: Values) -> tuple[str, ...]:
    for line in values.get("Env", ()):
        if not line.partition("=")[0]:
            raise Refusal(400, f"invalid environment variable: {line}")
    return tuple(values.get("Env", ()))


def _known(values: Values) -> Mount:
    kind = values.get("Type", "") or "bind"
    if kind not in ("bind", "volume", "tmpfs"):
        raise Refusal(400, f'invalid mount config for type "{kind}": mount type unknown')
    return mount(values)


def _nameless(values: Values, taken: set[str]) -> list[Mount]:
    """Volumes of which nothing is said but where they are mounted: each is a new one."""
    return [Mount("volume", "", target) for target in values.get("Volumes", {}) if target not in taken]


def _bind(text: str) -> Mount:
    """`data:/var/lib/data:ro`: a named volume, or a folder of the machine when it begins with a slash."""
    parts = text.split(":")
    if len(parts) == 1 and text.startswith("/"):
        return Mount("volume", "", text)
    if len(parts) not in (2, 3) or not all(parts) or not parts[1].startswith("/"):
        raise Refusal(400, f"invalid volume specification: '{text}'")
    kind = "bind" if parts[0].startswith("/") else "volume"
    return Mount(kind, parts[0], parts[1], read_only="ro" in parts[2:])


def _policy(host: Values) -> str:
    wanted = host.get("RestartPolicy", {})
    name, most = wanted.get("Name", ""), wanted.get("MaximumRetryCount", 0)
    if name in ("", "no"):
        return ""
    if name not in POLICIES:
        raise Refusal(
            400,
            f"invalid restart policy: unknown policy '{name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
        )
    if host.get("AutoRemove"):
        raise Refusal(400, "can't create 'AutoRemove' container with restart policy")
    if most and name != "on-failure":
        raise Refusal(400, "invalid restart policy: maximum retry count can only be used with 'on-failure'")
    if most < 0:
        raise Refusal(400, "invalid restart policy: maximum retry count cannot be negative")
    return f"{name}:{most}" if most else name


def _ports(bindings: dict[str, Any]) -> tuple[PortConfig, ...]:
    found = []
    for key, ends in bindings.items():
        match = PORT.fullmatch(key)
        if not match or not 0 < int(match[1]) < 65536:
            raise Refusal(400, f"invalid port specification: {_quoted(key)}")
        every: list[Values] = ends or [{}]
        for end in every:
            number = end.get("HostPort", "")
            if number and not (re.fullmatch("[0-9]{1,5}", number) and int(number) < 65536):
                raise Refusal(400, f"invalid port specification: {_quoted(number)}")
            found.append(PortConfig(int(match[1]), int(number or 0), match[2] or "tcp"))
    return tuple(found)


def _all_ports(name: str, host: Values) -> tuple[PortConfig, ...]:
    """`docker run -P`: where the image says that it listens, which one whose program ends does not."""
    image = images.find(name) if host.get("PublishAllPorts") else None
    return tuple(PortConfig(port, 0) for port in image.listens or (image.port,)) if image and not image.exits else ()


def _quoted(text: str) -> str:
    return f'"{text}"'


def _networks(values: Values, host: Values) -> tuple[NetworkTarget, ...]:
    """The one of the mode, and those whose ends are described."""
    mode = host.get("NetworkMode", "")
    if mode.startswith("container:"):
        raise Refusal(501, "a container on the network of another one: not in this simulation")
    ends = values.get("NetworkingConfig", {}).get("EndpointsConfig", {})
    names = [] if mode in ("", "default") else [mode]
    names += [name for name in ends if name not in (*names, "default")]
    return tuple(_target(name, ends.get(name) or {}) for name in names)


def _target(name: str, end: Values) -> NetworkTarget:
    address = end.get("IPAMConfig", {}).get("IPv4Address", "")
    if address and not _is_address(address):
        raise Refusal(400, f"invalid IPv4 address: {address}")
    return NetworkTarget(name, tuple(end.get("Aliases", ())), address=address)


def _is_address(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(re.fullmatch("[0-9]{1,3}", part) and int(part) < 256 for part in parts)
