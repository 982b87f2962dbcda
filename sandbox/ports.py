"""Free TCP ports and free IPv4 subnets."""

import ipaddress
import json
import random
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from sandbox.errors import SandboxError

_LOWEST_PORT = 20_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES = 50
_CHOICE = random.SystemRandom()


def _ephemeral_from() -> int:
    try:
        return int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768


def _can_bind(host: str, port: int) -> int | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port nobody listens on now; the server that takes it may still lose a race.

    Ports below the kernel's own range for outgoing connections come first: a stopped server must
    get its port again, and outgoing connections never take those.
    """
    highest = min(_ephemeral_from(), 30_000)
    for _ in range(_TRIES if highest > _LOWEST_PORT else 0):
        port = _can_bind(host, _CHOICE.randrange(_LOWEST_PORT, highest))
        if port is not None:
            return port
    port = _can_bind(host, 0)
    if port is None:
        message = f"no free TCP port on {host}"
        raise SandboxError(message)
    return port


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return that many different free ports."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port(host))
    return list(found)


def used_networks() -> list[ipaddress.IPv4Network]:
    """Return the IPv4 networks that this machine has an address in or a route to."""
    done = subprocess.run(
        ["ip", "-json", "-4", "route", "show", "table", "all"],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    destinations = (route.get("dst", "default") for route in json.loads(done.stdout or "[]"))
    return [ipaddress.IPv4Network(text, strict=False) for text in destinations if text != "default"]


def _candidate_subnets() -> Iterator[ipaddress.IPv4Network]:
    start = _CHOICE.randrange(256)
    for step in range(256):
        yield ipaddress.IPv4Network(f"10.233.{(start + step) % 256}.0/24")


def free_subnet(taken: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """Return a /24 for pods that overlaps none of those taken."""
    known = list(taken)
    for subnet in _candidate_subnets():
        if not any(subnet.overlaps(other) for other in known):
            return subnet
    message = "no free /24 for pods inside 10.233.0.0/16"
    raise SandboxError(message)
