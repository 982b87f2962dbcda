"""The operator's own configuration: what an administrator says, never what a Rollout says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tidegate.adapters.prometheus.config import ProviderConfig, TelemetryConfig
from tidegate.api.constants import PROVIDER_KUBERNETES
from tidegate.api.scalars import parse_duration

CONFIG_BYTES_MAX = 1_000_000


class SettingsError(Exception):
    """The configuration file cannot be used; the message names the field and the remedy."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Providers by name, how traffic is counted, and which namespaces are served (none: all)."""

    providers: dict[str, ProviderConfig] = field(default_factory=dict)
    telemetry: TelemetryConfig = field(default_factory=TelemetryConfig)
    namespaces: tuple[str, ...] = ()

    def within(self, namespaces: tuple[str, ...]) -> Settings:
        """The same settings for these namespaces only (none: all)."""
        return replace(self, namespaces=namespaces)


def load(path: Path | None) -> Settings:
    """Read the YAML file of the chart's ConfigMap. Raises SettingsError; None gives defaults."""
    if path is None:
        return Settings()
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    if len(raw) > CONFIG_BYTES_MAX:
        raise SettingsError(f"{path} is larger than {CONFIG_BYTES_MAX} bytes")
    try:
        found = yaml.safe_load(raw) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    return parse(found)


def parse(found: Any) -> Settings:
    """Settings from the file's content. Raises SettingsError for a field that is not known."""
    top = _object(found, "the configuration", ("providers", "telemetry", "namespaces"))
    providers = {
        str(name): _provider(f"providers.{name}", value)
        for name, value in _object(top.get("providers") or {}, "providers").items()
    }
    if PROVIDER_KUBERNETES in providers:
        raise SettingsError(
            f"providers.{PROVIDER_KUBERNETES}: that name is the API server's own; choose another"
        )
    namespaces = top.get("namespaces") or []
    if not isinstance(namespaces, list) or not all(isinstance(n, str) for n in namespaces):
        raise SettingsError("namespaces must be a list of names")
    return Settings(providers, _telemetry(top.get("telemetry") or {}), tuple(namespaces))


def _object(value: Any, path: str, known: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{path} must be an object")
    unknown = sorted(set(value) - set(known)) if known else []
    if unknown:
        raise SettingsError(f"{path} has no field {unknown[0]!r} (has: {', '.join(known)})")
    return value


def _provider(path: str, value: Any) -> ProviderConfig:
    found = _object(value, path, ("url", "timeout", "tokenFile"))
    url = found.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise SettingsError(f"{path}.url must be an http:// or https:// address")
    token_file = found.get("tokenFile") or None
    try:
        return ProviderConfig(
            url=url.rstrip("/"),
            timeout_s=_seconds(f"{path}.timeout", found.get("timeout", "5s")),
            token_file=Path(token_file) if token_file else None,
        )
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from error


def _telemetry(value: Any) -> TelemetryConfig:
    known = ("window", "interval", "revisionQuery", "subsetQuery")
    found = _object(value, "telemetry", known)
    try:
        return TelemetryConfig(
            window_s=_seconds("telemetry.window", found.get("window", "1m")),
            interval_s=_seconds("telemetry.interval", found.get("interval", "5s")),
            revision_query=str(found.get("revisionQuery") or ""),
            subset_query=str(found.get("subsetQuery") or ""),
        )
    except ValueError as error:
        raise SettingsError(f"telemetry: {error}") from error


def _seconds(path: str, value: Any) -> float:
    try:
        return float(parse_duration(str(value)))
    except ValueError as error:
        raise SettingsError(f"{path} must be a duration such as 5s or 1m, not {value!r}") from error
