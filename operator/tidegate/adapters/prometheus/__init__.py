"""Asks Prometheus, or what speaks its HTTP API: instant queries only, few, bounded and shared.

From the outside in: `provider` fills the port; `templates` (over proxies), `pods` and `traffic`
hold the built-in queries and read their answers, over the counting of `counting`; `catalogue` names
them; `render` fills in users' queries; `sharing` makes one query serve many; `client` does the
HTTP, with what `secret_files` and `tls` read; `circuit` leaves alone who does not answer; `answers`
parses. No URL ever comes from a user's object, and nothing that a provider says can raise.
"""

from tidegate.adapters.prometheus.access import Access, BasicAuth, Tls
from tidegate.adapters.prometheus.config import ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus.provider import PrometheusMetrics

__all__ = [
    "Access",
    "BasicAuth",
    "PrometheusMetrics",
    "ProviderConfig",
    "TelemetryConfig",
    "Tls",
]
