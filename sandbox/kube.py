"""A small HTTPS client for the sandbox's own API server: JSON in, JSON out."""

import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.errors import SandboxError

Object = dict[str, Any]
_TIMEOUT_S = 20
_CONFLICT = 409
_NOT_FOUND = 404
FIELD_MANAGER = "tidegate-sandbox"


@dataclass(frozen=True)
class Api:
    """Requests to one API server, as one user."""

    url: str
    token: str
    ca_file: Path

    def request(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json"
    ) -> Object:
        """Send one request; SandboxError (with the server's own words) when it is refused."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", content_type)
        context = ssl.create_default_context(cafile=str(self.ca_file))
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=context) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise ApiRefusal(
                error.code, f"{method} {path}: {error.code} {error.read().decode()[:1000]}"
            ) from error
        except OSError as error:
            raise SandboxError(f"{method} {self.url}{path}: {error}") from error
        return json.loads(text) if text[:1] == b"{" else {"text": text.decode(errors="replace")}

    def get(self, path: str) -> Object:
        """Read an object or a list."""
        return self.request("GET", path)

    def create(self, path: str, body: Object) -> None:
        """Create an object; fine when it is there already."""
        try:
            self.request("POST", path, body)
        except ApiRefusal as error:
            if error.code != _CONFLICT:
                raise

    def delete(self, path: str, grace_s: int = 0) -> None:
        """Delete an object; fine when it is gone already."""
        try:
            self.request(
                "DELETE",
                path,
                {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": grace_s},
            )
        except ApiRefusal as error:
            if error.code != _NOT_FOUND:
                raise

    def answers(self, path: str = "/readyz") -> bool:
        """Tell whether the server says yes."""
        try:
            self.get(path)
        except SandboxError:
            return False
        return True


class ApiRefusal(SandboxError):
    """The API server answered with an error; `code` is the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
