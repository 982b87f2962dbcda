"""Istio's custom resource definitions, from the Istio module that go.mod names."""

import json

from sandbox import binaries
from sandbox.errors import SandboxError
from sandbox.kube import Api, Object
from sandbox.progress import say

_CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def ensure() -> list[Object]:
    """Return the definitions, kept as JSON beside the binaries once they were read."""
    kept = binaries.cache_folder() / "istio-crds.json"
    if not kept.exists():
        say("reading Istio's custom resource definitions")
        fresh = kept.with_suffix(".tmp")
        fresh.write_text(json.dumps(_from_module()))
        fresh.replace(kept)
    found: list[Object] = json.loads(kept.read_text())
    return found


def _from_module() -> list[Object]:
    try:
        import yaml  # noqa: PLC0415 — needed once, on the very first start
    except ImportError as error:
        message = "PyYAML is missing: pip install pyyaml into the environment that runs the sandbox"
        raise SandboxError(message) from error
    source = (
        binaries.module_folder("istio.io/istio") / "manifests/charts/base/files/crd-all.gen.yaml"
    )
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with source.open() as file:
        return [item for item in yaml.load_all(file, Loader=loader) if item]


def install(api: Api) -> list[str]:
    """Create the definitions; return their names."""
    definitions = ensure()
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
