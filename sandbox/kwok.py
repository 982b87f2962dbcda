"""Simulated nodes and pods: ready after a delay, or never, or crashing, as each pod asks.

A pod asks by label or annotation: `sandbox.tidegate.io/ready: never | crash`, and how long it takes
by the annotation `sandbox.tidegate.io/ready-delay: 5s` (a Go duration; without it half a second).
Changing either later counts too: a pod turned to `never` loses its readiness, and gets it back
afterwards. Pods of Jobs complete after a second; with `crash` they fail.
"""

import json
from typing import Any

from sandbox import binaries
from sandbox.api_level import http_ok
from sandbox.kube import Api, Object
from sandbox.paths import Layout
from sandbox.ports import free_port
from sandbox.servers import Servers, ServerSpec

NODE_LABEL = "sandbox.tidegate.io/simulated"
NODE_TAINT = {"key": NODE_LABEL, "value": "true", "effect": "NoSchedule"}
_READY = "sandbox.tidegate.io/ready"
_DELAY = "sandbox.tidegate.io/ready-delay"

_Rule = dict[str, Any]
_JOB = '.metadata.ownerReferences.[] | select( .kind == "Job" ) | .kind'

_HEAD = """
{{ $now := Now }}
conditions:
- {type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }}}
- {type: Ready, status: "READY", lastTransitionTime: {{ $now | Quote }}}
- {type: ContainersReady, status: "READY", lastTransitionTime: {{ $now | Quote }}}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
{{ $pod := .metadata }}
{{ $host := or .spec.hostNetwork false }}
podIP: {{ PodIPWith .spec.nodeName $host $pod.uid $pod.name $pod.namespace | Quote }}
startTime: {{ or .status.startTime $now | Quote }}
phase: PHASE
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  imageID: ""
  name: {{ .name | Quote }}
  ready: IS_READY
  restartCount: RESTARTS
  started: IS_READY
  STATE
{{ end }}
"""
_RUNNING = "state: {running: {startedAt: {{ $now | Quote }}}}"
_ENDED = (
    "{terminated: {exitCode: CODE, reason: REASON,"
    " startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}"
)
_CRASHED = _ENDED.replace("CODE", "1").replace("REASON", "Error")
_BACK_OFF = (
    'state: {waiting: {reason: CrashLoopBackOff, message: "back-off restarting failed container"}}'
    f"\n  lastState: {_CRASHED}"
)


def _template(*, ready: bool, phase: str, state: str, restarts: int = 0) -> str:
    replacements = {
        '"READY"': f'"{ready}"',
        "IS_READY": str(ready).lower(),
        "PHASE": phase,
        "RESTARTS": str(restarts),
        "STATE": state,
    }
    text = _HEAD
    for mark, value in replacements.items():
        text = text.replace(mark, value)
    return text


def _rule(key: str, operator: str, *values: str) -> _Rule:
    rule: _Rule = {"key": key, "operator": operator}
    return {**rule, "values": list(values)} if values else rule


def _asks(operator: str, *values: str) -> list[_Rule]:
    """Return rules that hold when the pod's label (or, for NotIn, its annotation too) says so."""
    places = ["labels", "annotations"] if operator == "NotIn" else ["labels"]
    return [_rule(f'.metadata.{place}["{_READY}"]', operator, *values) for place in places]


def _ready_is(*values: str, operator: str = "NotIn") -> _Rule:
    return _rule('.status.conditions.[] | select( .type == "Ready" ) | .status', operator, *values)


def _stage(name: str, rules: list[_Rule], template: str, delay_ms: int = 0) -> Object:
    alive = [
        _rule(".metadata.deletionTimestamp", "DoesNotExist"),
        _rule(".status.phase", "In", "Pending", "Running"),
    ]
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {"matchExpressions": [*alive, *rules]},
            "delay": {
                "durationMilliseconds": delay_ms,
                "durationFrom": {"expressionFrom": f'.metadata.annotations["{_DELAY}"]'},
            },
            "next": {"statusTemplate": template},
        },
    }


def _on_annotation(stage: Object) -> Object:
    """Return the same stage for pods that ask by annotation: selectors know no `or`."""
    text = json.dumps(stage).replace(
        f'.metadata.labels[\\"{_READY}\\"]', f'.metadata.annotations[\\"{_READY}\\"]'
    )
    twin: Object = json.loads(text)
    twin["metadata"]["name"] += "-by-annotation"
    return twin


def _pod_stages() -> list[Object]:
    well, job, no_job = (
        _asks("NotIn", "never", "crash"),
        _rule(_JOB, "In", "Job"),
        _rule(_JOB, "NotIn", "Job"),
    )
    never = _stage(
        "pod-never-ready",
        [*_asks("In", "never"), _ready_is("False")],
        _template(ready=False, phase="Running", state=_RUNNING),
        200,
    )
    crash = _stage(
        "pod-crash",
        [
            *_asks("In", "crash"),
            no_job,
            _rule(".status.containerStatuses.[].state.waiting.reason", "NotIn", "CrashLoopBackOff"),
        ],
        _template(ready=False, phase="Running", state=_BACK_OFF, restarts=3),
        500,
    )
    fail = _stage(
        "pod-fail",
        [*_asks("In", "crash"), job],
        _template(ready=False, phase="Failed", state=f"state: {_CRASHED}"),
        500,
    )
    done = f"state: {_ENDED.replace('CODE', '0').replace('REASON', 'Completed')}"
    delete: Object = {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": "pod-delete"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {"matchExpressions": [_rule(".metadata.deletionTimestamp", "Exists")]},
            "next": {"delete": True},
        },
    }
    return [
        _stage(
            "pod-ready",
            [*well, _ready_is("True")],
            _template(ready=True, phase="Running", state=_RUNNING),
            500,
        ),
        _stage(
            "pod-complete",
            [*well, job, _ready_is("True", operator="In")],
            _template(ready=False, phase="Succeeded", state=done),
            1000,
        ),
        *(twin for stage in (never, crash, fail) for twin in (stage, _on_annotation(stage))),
        delete,
    ]


_NODE_STATUS = """
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
addresses:
- {type: InternalIP, address: {{ NodeIP | Quote }}}
- {type: Hostname, address: {{ NodeName | Quote }}}
allocatable: {cpu: 1k, memory: 1Ti, pods: 1M}
capacity: {cpu: 1k, memory: 1Ti, pods: 1M}
phase: Running
"""


def _node_stage() -> Object:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": "node-ready"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Node"},
            "selector": {"matchExpressions": [_ready_is("True")]},
            "next": {"statusTemplate": _NODE_STATUS},
        },
    }


def node(name: str, *, tainted: bool) -> Object:
    """Return a simulated node; tainted where a real one exists, so that real pods keep away."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {NODE_LABEL: "true", "kubernetes.io/hostname": name}},
        "spec": {"taints": [NODE_TAINT]} if tainted else {},
    }


def _spec(layout: Layout) -> ServerSpec:
    port = free_port()
    config = layout.root / "kwok-stages.yaml"
    config.write_text(
        "\n---\n".join(json.dumps(stage) for stage in [_node_stage(), *_pod_stages()])
    )
    command = (
        str(binaries.path("kwok")),
        f"--kubeconfig={layout.kubeconfig('kwok')}",
        f"--config={config}",
        f"--manage-nodes-with-label-selector={NODE_LABEL}=true",
        "--node-lease-duration-seconds=40",
        "--node-ip=127.0.0.1",
        "--cidr=10.200.0.0/16",
        f"--server-address=127.0.0.1:{port}",
    )
    return ServerSpec(
        "kwok", command, lambda: http_ok(f"http://127.0.0.1:{port}/healthz"), {"http": port}
    )


def launch(servers: Servers, api: Api, nodes: int = 1) -> None:
    """Start kwok and make its nodes, without waiting for them."""
    servers.launch(lambda: _spec(servers.layout))
    for number in range(nodes):
        api.create("/api/v1/nodes", node(f"kwok-{number}", tainted=False))


def nodes_ready(api: Api) -> bool:
    """Tell whether every simulated node is ready."""
    found = api.get(f"/api/v1/nodes?labelSelector={NODE_LABEL}%3Dtrue")["items"]
    return bool(found) and all(is_ready(one) for one in found)


def is_ready(item: Object) -> bool:
    """Tell whether a node or pod has the condition Ready."""
    conditions = item.get("status", {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
