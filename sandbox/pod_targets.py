"""Tells Prometheus which pods to scrape: Debian's build of it cannot ask the API server itself.

Watches pods and keeps a file_sd file up to date: every running pod annotated
`prometheus.io/scrape: "true"` (with `prometheus.io/port` and `/path`), labelled with its namespace,
its name and its revision. Runs as a server of its own:
python -m sandbox.pod_targets API TOKEN CA FILE.
"""

import json
import ssl
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from sandbox.kube import Object

_ANNOTATION = "prometheus.io"
_REVISION_LABEL = "tidegate.io/revision"
_REQUEST_TIMEOUT_S = 20
_WATCH_S = 300
# Bookmarks come every minute: a watch silent for longer is dead.
_SILENCE_S = 90
_PAUSE_AFTER_ERROR_S = 0.5


def target(pod: Object) -> dict[str, Any] | None:
    """Return the file_sd entry of a pod; None when it is not to be scraped."""
    metadata, status = pod["metadata"], pod.get("status", {})
    annotations = metadata.get("annotations") or {}
    address = status.get("podIP")
    if (
        annotations.get(f"{_ANNOTATION}/scrape") != "true"
        or status.get("phase") != "Running"
        or not address
    ):
        return None
    labels = {
        "__metrics_path__": annotations.get(f"{_ANNOTATION}/path", "/metrics"),
        "namespace": metadata["namespace"],
        "pod": metadata["name"],
        "revision": (metadata.get("labels") or {}).get(_REVISION_LABEL, ""),
    }
    return {
        "targets": [f"{address}:{annotations.get(f'{_ANNOTATION}/port', '80')}"],
        "labels": labels,
    }


class PodTargets:
    """The pods known now, and the file that says so."""

    def __init__(self, api_url: str, token_file: Path, ca_file: Path, file: Path) -> None:
        self._pods_url = f"{api_url}/api/v1/pods"
        self._token, self._file = token_file.read_text(), file
        self._tls = ssl.create_default_context(cafile=str(ca_file))
        self._targets: dict[str, dict[str, Any]] = {}
        self._written = ""

    def _open(self, url: str, timeout_s: float) -> Any:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self._token}"})
        return urllib.request.urlopen(request, timeout=timeout_s, context=self._tls)

    def _write(self) -> None:
        text = json.dumps([self._targets[key] for key in sorted(self._targets)], indent=1)
        if text != self._written:
            fresh = self._file.with_suffix(".tmp")
            fresh.write_text(text)
            fresh.replace(self._file)
            self._written = text

    def _note(self, pod: Object, *, gone: bool) -> None:
        found = None if gone else target(pod)
        if found is None:
            self._targets.pop(pod["metadata"]["uid"], None)
        else:
            self._targets[pod["metadata"]["uid"]] = found

    def follow(self) -> None:
        """List the pods, then follow their changes until the watch ends."""
        with self._open(self._pods_url, _REQUEST_TIMEOUT_S) as response:
            listed = json.load(response)
        self._targets.clear()
        for pod in listed["items"]:
            self._note(pod, gone=False)
        self._write()
        version = listed["metadata"]["resourceVersion"]
        query = f"watch=true&allowWatchBookmarks=true&timeoutSeconds={_WATCH_S}"
        with self._open(
            f"{self._pods_url}?{query}&resourceVersion={version}", _SILENCE_S
        ) as stream:
            for line in stream:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                if event["type"] != "BOOKMARK":
                    self._note(event["object"], gone=event["type"] == "DELETED")
                    self._write()


def main(api_url: str, token_file: str, ca_file: str, file: str) -> None:
    """Follow for ever; after an error list again."""
    targets = PodTargets(api_url, Path(token_file), Path(ca_file), Path(file))
    while True:
        try:
            targets.follow()
        except (OSError, ValueError) as error:
            print(f"watching pods: {error!r}", file=sys.stderr, flush=True)
            time.sleep(_PAUSE_AFTER_ERROR_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
