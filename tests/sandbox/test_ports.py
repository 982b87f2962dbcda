import ipaddress
import socket

import pytest

from sandbox.errors import SandboxError
from sandbox.ports import free_port, free_ports, free_subnet, used_networks


def test_a_free_port_can_be_bound():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))


def test_ports_chosen_together_differ():
    assert len(set(free_ports(20))) == 20


def test_a_port_in_use_is_not_chosen(monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr("sandbox.ports._LOWEST_PORT", port)
        monkeypatch.setattr("sandbox.ports._ephemeral_from", lambda: port + 1)
        assert free_port() != port


def test_a_free_subnet_overlaps_none_that_is_taken():
    taken = [ipaddress.IPv4Network("10.233.0.0/17"), ipaddress.IPv4Network("192.168.0.0/16")]
    for _ in range(50):
        subnet = free_subnet(taken)
        assert subnet.prefixlen == 24
        assert not any(subnet.overlaps(other) for other in taken)


def test_without_a_free_subnet_it_says_so():
    with pytest.raises(SandboxError, match=r"no free /24"):
        free_subnet([ipaddress.IPv4Network("10.0.0.0/8")])


def test_networks_in_use_include_loopback():
    assert any(network.is_loopback for network in used_networks())
