"""Routes that Tidegate makes by itself, for a Rollout that names none of its own.

They carry the Rollout's name and go with it. Which objects they are is said here once, as the
references that a user would have written: nothing behind this floor tells the two apart.
"""

from typing import ClassVar, Final

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import ATOMIC, SET, ApiModel, Rule
from tidegate.api.scalars import DnsLabel, GatewayName, HostName, ObjectName

MANAGED_ROUTE: Final = "primary"
"""Name of the one route (or rule) that a managed object is made with."""


class ManagedVirtualService(ApiModel):
    """A VirtualService of the Rollout's own, with one HTTP route to the two revisions."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.gateways) || self.gateways.size() == 0 || "
            "has(self.hosts) && self.hosts.size() > 0",
            message="a gateway needs to know whose requests to take; name hosts too",
            holds=lambda managed: not managed.gateways or bool(managed.hosts),
            field=".hosts",
        ),
        Rule(
            # No order of writes moves a route and its subsets to another host without a gap.
            cel="has(self.service) == has(oldSelf.service) && "
            "(!has(self.service) || self.service == oldSelf.service)",
            message="service cannot be changed: requests would fail between two writes; make a "
            "new Rollout instead",
            reason="FieldValueForbidden",
        ),
    )

    service: ObjectName | None = Field(
        None,
        description="Service whose selector is that of the pods, any revision; left out, it has "
        "the Rollout's name.",
    )
    hosts: tuple[HostName, ...] = Field(
        (),
        max_length=limits.MAX_MANAGED_HOSTS,
        description="Hosts that clients ask for; left out, the Service, inside the mesh.",
        json_schema_extra=SET,
    )
    gateways: tuple[GatewayName, ...] = Field(
        (),
        max_length=limits.MAX_MANAGED_GATEWAYS,
        description="Istio gateways to take requests from, as name or namespace/name, and `mesh` "
        "for those from inside; left out, mesh alone.",
        json_schema_extra=SET,
    )
    port: int | None = Field(
        None,
        ge=1,
        le=limits.MAX_PORT,
        description="Port of the Service; needed only if it has several.",
    )

    def host(self, rollout: str) -> str:
        """The Service's name, for a Rollout of that name."""
        return self.service or rollout


class ParentRef(ApiModel):
    """A Gateway that an HTTPRoute is attached to."""

    name: ObjectName = Field(description="Name of the Gateway.")
    namespace: DnsLabel | None = Field(
        None, description="Its namespace; left out, the Rollout's own."
    )
    section_name: ObjectName | None = Field(
        None, description="One listener of it; left out, each that lets the route in."
    )


class ManagedHttpRoute(ApiModel):
    """An HTTPRoute of the Rollout's own, with one rule for the two Services."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.hostnames) || self.hostnames.all(h, h != '*')",
            message="'*' is no hostname of the Gateway API; leave hostnames out to mean any",
            holds=lambda managed: "*" not in managed.hostnames,
            field=".hostnames",
        ),
    )

    hostnames: tuple[HostName, ...] = Field(
        (),
        max_length=limits.MAX_MANAGED_HOSTS,
        description="Hosts that clients ask for; left out, each that the listeners have.",
        json_schema_extra=SET,
    )
    parent_refs: tuple[ParentRef, ...] = Field(
        min_length=1,
        max_length=limits.MAX_MANAGED_GATEWAYS,
        description="Gateways that take the requests.",
        json_schema_extra=ATOMIC,
    )
    port: int = Field(ge=1, le=limits.MAX_PORT, description="Port of the two Services.")
