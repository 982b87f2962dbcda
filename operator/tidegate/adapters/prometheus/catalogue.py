"""All built-in templates under their names."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.adapters.prometheus.http_servers import HTTP_TEMPLATES
from tidegate.adapters.prometheus.own_series import OWN_SERIES_TEMPLATES
from tidegate.adapters.prometheus.pods import POD_TEMPLATES
from tidegate.adapters.prometheus.templates import MESH_TEMPLATES, Template

TEMPLATES: Mapping[str, Template] = {
    **MESH_TEMPLATES,
    **POD_TEMPLATES,
    **HTTP_TEMPLATES,
    **OWN_SERIES_TEMPLATES,
}
"""Every built-in template by its name in `spec.metrics[].template`."""
