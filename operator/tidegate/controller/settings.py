"""The operator's own configuration: what an administrator says, never what a Rollout says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tidegate.adapters.hooks.config import SIGNING_KEY_FILE, SIGNING_KEY_FILES, HookConfig
from tidegate.adapters.prometheus.config import ProviderConfig, TelemetryConfig
from tidegate.api.constants import PROVIDER_KUBERNETES
from tidegate.controller.fields import SettingsError, file_at, files_at, object_at, seconds_at
from tidegate.controller.provider_settings import provider

__all__ = ["Settings", "SettingsError", "load", "parse"]

CONFIG_BYTES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """Providers by name, how traffic is counted, what is said of hooks, and the namespaces served.

    No namespace stands for all of them.
    """

    providers: dict[str, ProviderConfig] = field(default_factory=dict)
    telemetry: TelemetryConfig = field(default_factory=TelemetryConfig)
    namespaces: tuple[str, ...] = ()
    hooks: HookConfig = field(default_factory=HookConfig)

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
    top = object_at(found, "the configuration", ("providers", "telemetry", "namespaces", "hooks"))
    providers = {
        str(name): provider(f"providers.{name}", value)
        for name, value in object_at(top.get("providers") or {}, "providers").items()
    }
    if PROVIDER_KUBERNETES in providers:
        raise SettingsError(
            f"providers.{PROVIDER_KUBERNETES}: that name is the API server's own; choose another"
        )
    namespaces = top.get("namespaces") or []
    if not isinstance(namespaces, list) or not all(isinstance(n, str) for n in namespaces):
        raise SettingsError("namespaces must be a list of names")
    telemetry, hooks = _telemetry(top.get("telemetry") or {}), _hooks(top.get("hooks") or {})
    return Settings(providers, telemetry, tuple(namespaces), hooks)


def _hooks(value: Any) -> HookConfig:
    found = object_at(value, "hooks", ("signingKeyFile", "signingKeyFiles"))
    return HookConfig(
        file_at(found.get("signingKeyFile"), SIGNING_KEY_FILE),
        files_at(found.get("signingKeyFiles"), SIGNING_KEY_FILES, "key"),
    )


def _telemetry(value: Any) -> TelemetryConfig:
    known = ("window", "interval", "revisionQuery", "subsetQuery")
    found = object_at(value, "telemetry", known)
    try:
        return TelemetryConfig(
            window_s=seconds_at(found.get("window", "1m"), "telemetry.window"),
            interval_s=seconds_at(found.get("interval", "5s"), "telemetry.interval"),
            revision_query=str(found.get("revisionQuery") or ""),
            subset_query=str(found.get("subsetQuery") or ""),
        )
    except ValueError as error:
        raise SettingsError(f"telemetry: {error}") from error
