"""What named ConfigMaps and Secrets hold, as a part of the revision: a digest, never a copy.

Of ConfigMaps the metadata is watched, and what one holds is read when its version is a new one.
Secrets are read by name, now and then: so a role that lets us `get` those few is enough. What was
read is digested and not kept. A digest that stands on pods is seen by people who may not read
Secrets; so a Secret's is made slow to guess, and is another one for each Rollout.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tidegate.adapters.kubernetes.api import Api
from tidegate.adapters.kubernetes.resources import (
    CONFIG_MAPS,
    SECRETS,
    Body,
    Key,
    Resource,
    uid_of,
    version_of,
)
from tidegate.adapters.kubernetes.watched import Watched
from tidegate.api.constants import ANNOTATION_CONTENT
from tidegate.api.rollout import Rollout
from tidegate.core import reasons
from tidegate.core.observation import Problem
from tidegate.ports.cluster import ApiRefused, ApiUnavailable, Gone

DIGEST_CHARS: Final = 16
HELD: Final = ("data", "binaryData")
"""The parts of a ConfigMap or Secret that pods can see."""
SCRYPT_COST: Final = 2**14
"""With the two below: 16 MiB and some 50 ms a guess (RFC 7914)."""
SCRYPT_BLOCK: Final = 8
SCRYPT_BYTES_MAX: Final = 64 * 2**20

SECRETS_AGAIN_S: Final = 30.0
"""How often a named Secret is read."""

Named = tuple[Resource, str]
Version = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Content:
    """The digest of all that one Rollout names ("" where it names nothing), or what is wrong."""

    digest: str = ""
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """One object as it was last read."""

    version: Version
    digest: str


class Contents:
    """Reads and digests what Rollouts name in `contentOf`."""

    def __init__(self, api: Api, config_maps: Watched, touched: Callable[[Key], None]) -> None:
        self._api = api
        self._config_maps = config_maps
        self._touched = touched
        self._known: dict[Key, dict[Named, Known]] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def close(self) -> None:
        """Look at no Secret again."""
        for key in tuple(self._timers):
            self.forget(key)

    def forget(self, key: Key) -> None:
        """A Rollout is gone."""
        self._known.pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def read(self, rollout: Rollout) -> Content:
        """The digest of what its objects hold now; a problem for each that cannot be read.

        While the API server does not answer, what is known stays: that is no change.
        """
        key = (rollout.namespace, rollout.name)
        before, due = self._known.get(key, {}), key not in self._timers
        found: dict[Named, Known] = {}
        problems = []
        for named in _named(rollout):
            known = before.get(named)
            if known is not None and named[0] is SECRETS and not due:
                found[named] = known
                continue
            read = await self._read(rollout, named, known)
            if isinstance(read, Problem):
                problems.append(read)
            else:
                found[named] = read
        self._known[key] = found
        if not found:
            self._known.pop(key)
        if due and rollout.spec.content_of and rollout.spec.content_of.secrets:
            later = asyncio.get_running_loop().call_later
            self._timers[key] = later(SECRETS_AGAIN_S, self._wake, key)
        if problems:
            return Content(problems=tuple(problems))
        return Content(_together({named: known.digest for named, known in found.items()}))

    async def _read(self, rollout: Rollout, named: Named, known: Known | None) -> Known | Problem:
        resource, name = named
        key = (rollout.namespace, name)
        try:
            if resource is CONFIG_MAPS:
                meta = await self._config_maps.get(key, (rollout.namespace, rollout.name))
                if meta is None:
                    return _missing(resource, key)
                if known is not None and known.version == _version(meta):
                    return known
            body = await self._api.request("GET", resource.path(*key))
        except Gone:
            return _missing(resource, key)
        except ApiRefused as error:
            return _unreadable(resource, key, error)
        except ApiUnavailable as error:
            return known or _unreadable(resource, key, error)
        if resource is CONFIG_MAPS:
            self._config_maps.put({part: of for part, of in body.items() if part not in HELD})
        return await _digested(rollout, named, body, known)

    def _wake(self, key: Key) -> None:
        self._timers.pop(key, None)
        self._touched(key)


def with_content(rollout: Rollout, content: Content) -> Rollout:
    """The Rollout with the digest in its pod template; itself without any."""
    if not content.digest or rollout.spec.template is None:
        return rollout
    template = annotated(rollout.spec.template, content.digest)
    return replace(rollout, spec=rollout.spec.model_copy(update={"template": template}))


def annotated(template: Mapping[str, Any], digest: str) -> dict[str, Any]:
    """The pod template with that digest on its pods; as it is with ""."""
    if not digest:
        return dict(template)
    meta = dict(template.get("metadata") or {})
    meta["annotations"] = {**(meta.get("annotations") or {}), ANNOTATION_CONTENT: digest}
    return {**template, "metadata": meta}


def _named(rollout: Rollout) -> Iterator[Named]:
    content = rollout.spec.content_of
    if content is not None:
        yield from ((CONFIG_MAPS, name) for name in content.config_maps)
        yield from ((SECRETS, name) for name in content.secrets)


def _version(body: Body) -> Version:
    return uid_of(body), version_of(body)


async def _digested(rollout: Rollout, named: Named, body: Body, known: Known | None) -> Known:
    """The object with the digest of what it holds, whatever the order of its keys."""
    version = _version(body)
    if known is not None and known.version == version:
        return known
    held = {part: body[part] for part in HELD if body.get(part)}
    canonical = json.dumps(held, sort_keys=True, separators=(",", ":")).encode()
    resource, name = named
    if resource is SECRETS:
        salt = f"{rollout.uid}/{name}"
        digest = (await asyncio.to_thread(_slow, canonical, salt.encode())).hex()
    else:
        digest = hashlib.sha256(canonical).hexdigest()
    return Known(version, digest)


def _slow(secret: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(
        secret, salt=salt, n=SCRYPT_COST, r=SCRYPT_BLOCK, p=1, maxmem=SCRYPT_BYTES_MAX
    )


def _together(digests: Mapping[Named, str]) -> str:
    """One digest of all, whatever the order in which they are named; "" of none."""
    if not digests:
        return ""
    lines = sorted(
        f"{resource.kind}/{name}={digest}" for (resource, name), digest in digests.items()
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:DIGEST_CHARS]


def _missing(resource: Resource, key: Key) -> Problem:
    message = (
        f"spec.contentOf: {resource.kind} {'/'.join(key)} not found; create it, or take its name "
        "out. Until then pods and traffic stay as they are"
    )
    return Problem(reasons.CONTENT_NOT_FOUND, message)


def _unreadable(resource: Resource, key: Key, error: Exception) -> Problem:
    said = f"spec.contentOf: {resource.kind} {'/'.join(key)} cannot be read: {error}"
    if isinstance(error, ApiRefused) and resource is SECRETS:
        said += "; Secrets can be named once an administrator grants `get` on it (rbac.secrets)"
    return Problem(reasons.CONTENT_NOT_FOUND, said)
