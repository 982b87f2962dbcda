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
from dataclasses import dataclass, field, replace
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
UNREADABLE_AGAIN_S: Final = 5.0
"""How soon it is tried again to read what could not be read."""
FIRST_READ_S: Final = 2.0
"""How long a pass waits for what was never read; the next one does again."""

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


@dataclass(slots=True)
class _Kept:
    """What was last read for one Rollout, by its uid; `due` says that it has to be read anew."""

    uid: str
    found: dict[Named, Known | Problem] = field(default_factory=dict)
    due: bool = False
    reading: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Read nothing any more."""
        for one in (self.reading, self.timer):
            if one is not None:
                one.cancel()


class Contents:
    """Reads and digests what Rollouts name in `contentOf`.

    Reading goes on beside the passes, so that an API server that is slow to give a Secret away
    holds up neither an abort nor a guard; who is waited for is woken when it is there.
    """

    def __init__(self, api: Api, config_maps: Watched, touched: Callable[[Key], None]) -> None:
        self._api = api
        self._config_maps = config_maps
        self._touched = touched
        self._kept: dict[Key, _Kept] = {}

    def close(self) -> None:
        """Read nothing any more."""
        for key in tuple(self._kept):
            self.forget(key)

    def forget(self, key: Key) -> None:
        """A Rollout is gone."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            kept.close()

    async def read(self, rollout: Rollout) -> Content:
        """The digest of what its objects hold, as far as is known; a problem for each other one.

        Only what was never read is waited for, FIRST_READ_S at most.
        """
        key, named = (rollout.namespace, rollout.name), tuple(_named(rollout))
        kept = self._kept.get(key)
        if kept is not None and (kept.uid != rollout.uid or not named):
            self.forget(key)
            kept = None
        if not named:
            return Content()
        if kept is None:
            kept = self._kept[key] = _Kept(rollout.uid)
        if kept.reading is None and any(self._stale(rollout, kept, one) for one in named):
            kept.reading = asyncio.create_task(self._bring_up(rollout, kept, named))
        if kept.reading is not None and not all(one in kept.found for one in named):
            await asyncio.wait({kept.reading}, timeout=FIRST_READ_S)
        found = {one: kept.found.get(one) or _awaited(one[0], (key[0], one[1])) for one in named}
        problems = tuple(one for one in found.values() if isinstance(one, Problem))
        digests = {one: it.digest for one, it in found.items() if isinstance(it, Known)}
        return Content(problems=problems) if problems else Content(_together(digests))

    def _stale(self, rollout: Rollout, kept: _Kept, named: Named) -> bool:
        known = kept.found.get(named)
        if known is None:
            return True
        if kept.due and (named[0] is SECRETS or isinstance(known, Problem)):
            return True
        if named[0] is SECRETS:
            return False
        meta = self._config_maps.known((rollout.namespace, named[1]))
        if isinstance(known, Problem):
            return meta is not None
        return meta is None or known.version != _version(meta)

    async def _bring_up(self, rollout: Rollout, kept: _Kept, named: tuple[Named, ...]) -> None:
        """Read what is stale, tell if that changed anything, and plan when to look again."""
        before = kept.found
        kept.found = {one: before[one] for one in named if one in before}
        try:
            for one in named:
                if self._stale(rollout, kept, one):
                    kept.found[one] = await self._read(rollout, one, before.get(one))
        finally:
            kept.reading = None
        kept.due = False
        again_s = self._again_s(kept)
        if again_s and self._kept.get((rollout.namespace, rollout.name)) is kept:
            if kept.timer is not None:
                kept.timer.cancel()
            later = asyncio.get_running_loop().call_later
            kept.timer = later(again_s, self._fall_due, rollout, kept)
        if kept.found != before:
            self._touched((rollout.namespace, rollout.name))

    def _again_s(self, kept: _Kept) -> float:
        """In how many seconds to read again; 0 where a watch will tell."""
        reasons_now = {one.reason for one in kept.found.values() if isinstance(one, Problem)}
        if reasons.CONTENT_UNREADABLE in reasons_now:
            return UNREADABLE_AGAIN_S
        return SECRETS_AGAIN_S if any(one[0] is SECRETS for one in kept.found) else 0.0

    def _fall_due(self, rollout: Rollout, kept: _Kept) -> None:
        kept.due = True
        self._touched((rollout.namespace, rollout.name))

    async def _read(
        self, rollout: Rollout, named: Named, known: Known | Problem | None
    ) -> Known | Problem:
        resource, name = named
        key = (rollout.namespace, name)
        before = known if isinstance(known, Known) else None
        try:
            if resource is CONFIG_MAPS:
                meta = await self._config_maps.get(key, (rollout.namespace, rollout.name))
                if meta is None:
                    return _missing(resource, key)
            body = await self._api.request("GET", resource.path(*key))
        except Gone:
            return _missing(resource, key)
        except ApiRefused as error:
            return _unreadable(resource, key, error)
        except ApiUnavailable as error:
            return before or _unreadable(resource, key, error)  # no answer is no change
        if resource is CONFIG_MAPS:
            self._config_maps.learn({part: of for part, of in body.items() if part not in HELD})
        return await _digested(rollout, named, body, before)


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
        "out. Until then nothing new is released and traffic stays as it is"
    )
    return Problem(reasons.CONTENT_NOT_FOUND, message)


def _awaited(resource: Resource, key: Key) -> Problem:
    said = f"spec.contentOf: {resource.kind} {'/'.join(key)} is being read"
    return Problem(reasons.CONTENT_UNREADABLE, said)


def _unreadable(resource: Resource, key: Key, error: Exception) -> Problem:
    said = f"spec.contentOf: {resource.kind} {'/'.join(key)} cannot be read: {error}"
    if isinstance(error, ApiRefused) and resource is SECRETS:
        said += "; Secrets can be named once an administrator grants `get` on it (rbac.secrets)"
    return Problem(reasons.CONTENT_UNREADABLE, said)
