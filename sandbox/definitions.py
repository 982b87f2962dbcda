"""Routers' custom resource definitions, from the Go modules of go.mod: Istio's, the Gateway API's.

The Gateway API is left out at the level traffic: istiod would take its objects for its own work.
The tests of HTTPRoutes install it, for that is what they want.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox import binaries
from sandbox.errors import SandboxError
from sandbox.kube import Api, Object
from sandbox.progress import say

_CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_KIND = "CustomResourceDefinition"


@dataclass(frozen=True)
class Source:
    """Where definitions come from: a Go module, and which of its files hold them."""

    title: str
    module: str
    pattern: str
    kept_as: str


ISTIO = Source(
    "Istio's", "istio.io/istio", "manifests/charts/base/files/crd-all.gen.yaml", "istio-crds.json"
)
GATEWAY_API = Source(
    "the Gateway API's",
    "sigs.k8s.io/gateway-api",
    "config/crd/standard/*.yaml",
    "gateway-api-crds.json",
)
ALL = (ISTIO, GATEWAY_API)


def ensure(*sources: Source) -> list[Object]:
    """Return the definitions, kept as JSON beside the binaries once they were read."""
    found: list[Object] = []
    for source in sources:
        kept = binaries.cache_folder() / source.kept_as
        if not kept.exists():
            say(f"reading {source.title} custom resource definitions")
            fresh = kept.with_suffix(".tmp")
            fresh.write_text(json.dumps(list(_from_module(source))))
            fresh.replace(kept)
        found += json.loads(kept.read_text())
    return found


def _from_module(source: Source) -> Iterator[Object]:
    try:
        import yaml  # noqa: PLC0415 — needed once, on the very first start
    except ImportError as error:
        message = "PyYAML is missing: pip install pyyaml into the environment that runs the sandbox"
        raise SandboxError(message) from error
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for path in sorted(binaries.module_folder(source.module).glob(source.pattern)):
        with path.open() as file:
            found = list(yaml.load_all(file, Loader=loader))
        # A policy that guards upgrades lies beside the definitions.
        yield from (item for item in found if item and item["kind"] == _KIND)


def install(api: Api, *sources: Source) -> list[str]:
    """Create the definitions; return their names."""
    definitions = ensure(*sources)
    for definition in definitions:
        api.create(_CRD_PATH, definition)
    return [definition["metadata"]["name"] for definition in definitions]


def established(api: Api, names: list[str]) -> bool:
    """Tell whether the API server serves all of these definitions."""
    found = {item["metadata"]["name"]: item for item in api.get(_CRD_PATH)["items"]}
    return all(_is_established(found.get(name, {})) for name in names)


def _is_established(item: Object) -> bool:
    conditions = item.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)
