"""A real cluster on one machine, for the demo and the tests: see README.md."""

from sandbox.cluster import Cluster
from sandbox.errors import SandboxError
from sandbox.handle import Sandbox
from sandbox.load import Load, Record, Summary, VersionCount, read_records
from sandbox.machine import traffic_missing

__all__ = [
    "Cluster",
    "Load",
    "Record",
    "Sandbox",
    "SandboxError",
    "Summary",
    "VersionCount",
    "read_records",
    "traffic_missing",
]
