"""Users, tokens, certificates and kubeconfigs of one sandbox."""

import json
import secrets
import subprocess
from collections.abc import Sequence

from sandbox import binaries
from sandbox.errors import SandboxError
from sandbox.kube import Object
from sandbox.paths import Layout

# Group by user. Components get a name of their own, so that the audit log tells them apart.
_MASTERS = "system:masters"
USERS = {
    "admin": _MASTERS,
    "viewer": "tidegate:viewers",
    "anna": "tidegate:developers",
    "system:kube-controller-manager": _MASTERS,
    "system:kube-scheduler": _MASTERS,
    "system:kwok": _MASTERS,
    "system:istiod": _MASTERS,
    "system:prometheus": _MASTERS,
    "system:sandbox": _MASTERS,
    "system:node:node-0": "system:nodes",
}
# The only binding made here; other users' rights are for tests to give.
VIEWERS: Object = {
    "metadata": {"name": "tidegate-viewers"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
    "subjects": [
        {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Group",
            "name": "tidegate:viewers",
        }
    ],
}


def file_name(user: str) -> str:
    """Return the name under which a user's files are kept."""
    return user.rsplit(":", 1)[-1]


def make_certificates(layout: Layout, hosts: Sequence[str]) -> None:
    """Write the sandbox's keys and certificates, valid for these names and addresses."""
    command = [str(binaries.own_program("certs")), str(layout.folder("pki")), *hosts]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise SandboxError(f"making certificates failed: {done.stderr}")


def make_tokens(layout: Layout) -> dict[str, str]:
    """Write the API server's token file, and each user's token; return the tokens by user."""
    folder = layout.folder("tokens")
    tokens = {user: secrets.token_hex(16) for user in USERS}
    for user, token in tokens.items():
        (folder / file_name(user)).write_text(token)
    lines = [f'{tokens[user]},{user},{user},"{group}"' for user, group in USERS.items()]
    (folder / "all.csv").write_text("\n".join(lines) + "\n")
    return tokens


def write_kubeconfigs(layout: Layout, url: str, tokens: dict[str, str]) -> None:
    """Write a kubeconfig for every user (JSON, which is YAML as well)."""
    layout.folder("kubeconfigs")
    ca_file = str(layout.root / "pki" / "ca.crt")
    for user, token in tokens.items():
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "sandbox", "cluster": {"server": url, "certificate-authority": ca_file}}
            ],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": user}}],
            "current-context": "sandbox",
        }
        layout.kubeconfig(file_name(user)).write_text(json.dumps(content, indent=1))
