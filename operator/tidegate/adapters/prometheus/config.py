"""What an administrator configures: where providers are, and how traffic is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tidegate.adapters.prometheus.access import Access

TIMEOUT_S_MAX = 60.0
WINDOW_S_MIN = 2.0
WINDOW_S_MAX = 3600.0


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """One provider: the base URL of its Prometheus API, and how to ask it.

    `url` is what `/api/v1/query` is appended to. `timeout_s` bounds one request from connecting
    to the last byte. `access` is how it is told who asks. Raises ValueError with a sentence for
    an administrator.
    """

    url: str
    timeout_s: float = 5.0
    access: Access = field(default_factory=Access)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a provider's url must look like http://host:port or https://host")
        if parts.username is not None or parts.query or parts.fragment:
            # Errors are shown to people, and a password in a URL ends up in them sooner or later.
            raise ValueError(
                "a provider's url must hold no user, query or fragment: use basicAuth or tokenFile"
            )
        if self.access.tls is not None and parts.scheme != "https":
            raise ValueError("tls needs a url that begins with https://")
        if not 0 < self.timeout_s <= TIMEOUT_S_MAX:
            raise ValueError(f"a provider's timeout must be above 0 and at most {TIMEOUT_S_MAX} s")

    @property
    def query_url(self) -> str:
        """The address of instant queries."""
        return self.url.rstrip("/") + "/api/v1/query"


@dataclass(frozen=True, slots=True)
class TelemetryConfig:
    """How requests per revision and per subset are counted for all Rollouts.

    `window_s` is how far a count looks back; it should span at least two scrapes. A count is
    asked anew at most every half `interval_s`. Empty queries stand for the built-in ones; of an
    own `revision_query` each series must carry the labels `namespace` and `revision`, of a
    `subset_query` the label `cluster_name` as Envoy writes it; `{{window}}` is filled in.
    """

    window_s: float = 60.0
    interval_s: float = 5.0
    revision_query: str = ""
    subset_query: str = ""
    provider: str = "default"

    def __post_init__(self) -> None:
        if not WINDOW_S_MIN <= self.window_s <= WINDOW_S_MAX:
            raise ValueError(
                f"the telemetry window must be {WINDOW_S_MIN:g} s to {WINDOW_S_MAX:g} s"
            )
        if not 0 < self.interval_s <= self.window_s:
            raise ValueError("the telemetry interval must be above 0 and at most the window")
