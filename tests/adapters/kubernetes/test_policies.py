"""Policies are watched, read once a change, and asked for namespaces only where one needs them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from tests.adapters.kubernetes.fake_api import FakeApi, until
from tests.api.samples import SPEC, body
from tests.core.scenes import in_phase
from tidegate.adapters.kubernetes import policies as module
from tidegate.adapters.kubernetes import store
from tidegate.adapters.kubernetes.policies import PolicyBook
from tidegate.api.policy_status import PolicyInForce
from tidegate.api.rollout import Rollout
from tidegate.api.status import RolloutStatus

POLICIES = "/apis/tidegate.io/v1alpha1/rolloutpolicies"
NAMESPACES = "/api/v1/namespaces"
ROLLOUT = body(SPEC, labels={"tier": "one"})
HOUSE = {
    "metrics": [{"name": "errors", "template": "istio-error-rate"}],
    "guards": [{"metric": "errors", "max": 0.01}],
}
REST = RolloutStatus()
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
SHOPS = {"namespaceSelector": {"matchLabels": {"tier": "production"}}}


def running(*in_force):
    """The status of a Rollout in a run that began under those policies."""
    named = tuple(PolicyInForce(name=one, generation=1, mode="enforce") for one in in_force)
    return in_phase().status.model_copy(update={"policies": named})


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch):
    monkeypatch.setattr(store, "BACKOFF_MIN_S", 0.01)
    monkeypatch.setattr(store, "WATCH_PAUSE_S", 0.001)


def policy(name="house", version="5", generation=1, status=None, **fields):
    """A policy as the API server lists it."""
    meta = {
        "name": name,
        "uid": f"uid-{name}",
        "resourceVersion": version,
        "generation": generation,
    }
    return {"metadata": meta, "spec": HOUSE | fields, "status": status or {}}


def namespace(name="shop", version="5", **labels):
    """A namespace's metadata."""
    meta = {"name": name, "uid": name, "resourceVersion": version, "labels": labels}
    return {"metadata": meta}


def listed(fake: FakeApi, path, *bodies):
    fake.says("GET", path, 200, {"metadata": {"resourceVersion": "10"}, "items": list(bodies)})


@asynccontextmanager
async def book_of(api):
    told: list[str] = []
    book = PolicyBook(api, told.append)
    try:
        yield book, told
    finally:
        book.close()
        await asyncio.sleep(0)


def applied(book, status=REST):
    """Names, modes of failing and guards of the policies that hold."""
    found = book.applied(Rollout.parse(ROLLOUT), ROLLOUT, status, NOW)
    return [(one.name, one.problem, len(one.guards)) for one in found.policies]


async def test_policies_are_known_before_anything_is_decided(fake: FakeApi, api):
    listed(fake, POLICIES, policy("b"), policy("a"))
    async with book_of(api) as (book, _):
        assert await book.start(5) == ""
        assert applied(book) == [("a", "", 1), ("b", "", 1)]
    assert not [call for call in fake.made("GET") if NAMESPACES in call.path]


async def test_a_right_that_is_missing_is_said_in_the_servers_words(fake: FakeApi, api):
    fake.says("GET", POLICIES, 403, {"message": "cannot list rolloutpolicies"})
    async with book_of(api) as (book, _):
        assert "cannot list rolloutpolicies" in await book.start(5)
        assert applied(book) == []


async def test_a_refusal_that_passes_is_waited_out(fake: FakeApi, api):
    fake.says("GET", POLICIES, 403, {"message": "no role is known yet"})
    async with book_of(api) as (book, _):
        starting = asyncio.create_task(book.start(5, refused_s=5))
        await until(lambda: fake.made("GET", POLICIES))
        listed(fake, POLICIES, policy())
        assert await starting == ""
        assert applied(book) == [("house", "", 1)]


async def test_a_kind_that_is_not_installed_has_no_policies(fake: FakeApi, api):
    fake.says("GET", POLICIES, 404, {"message": "the server could not find it"})
    async with book_of(api) as (book, _):
        assert await book.start(5) == ""
        assert applied(book) == []


async def test_an_edit_is_told_and_a_status_is_not(fake: FakeApi, api):
    listed(fake, POLICIES, policy())
    async with book_of(api) as (book, told):
        await book.start(5)
        watch = await fake.watch()
        before, version = len(told), book.version
        watch.send("MODIFIED", policy(version="11", status={"rollouts": 3}))
        watch.send("MODIFIED", policy(version="12", generation=2, guards=[]))
        await until(lambda: len(told) > before)
        assert (len(told), book.version) == (before + 1, version + 1)
        assert applied(book) == [("house", "", 0)]
        watch.send("DELETED", policy(version="13", generation=2, guards=[]))
        await until(lambda: len(told) > before + 1)
        assert applied(book) == []


async def test_who_begins_to_lead_sees_a_policy_that_a_hanging_watch_has_not_told_of(
    fake: FakeApi, api
):
    listed(fake, POLICIES)
    async with book_of(api) as (book, told):
        await book.start(5)
        await fake.watch()
        listed(fake, POLICIES, policy(version="11"))
        await book.look_again()
        assert applied(book) == [("house", "", 1)]
        assert told == [""]


@pytest.mark.parametrize("code", [403, 404])
async def test_where_there_are_none_to_see_looking_again_changes_nothing(fake: FakeApi, api, code):
    fake.says("GET", POLICIES, code, {"message": "no"})
    async with book_of(api) as (book, _):
        await book.start(5)
        await book.look_again()
        assert applied(book) == []


@pytest.mark.parametrize(("tier", "holds"), [("production", True), ("test", False)])
async def test_labels_of_namespaces_are_listed_once_a_policy_asks(fake: FakeApi, api, tier, holds):
    listed(fake, POLICIES, policy(rollouts=SHOPS))
    listed(fake, NAMESPACES, namespace(tier=tier))
    async with book_of(api) as (book, told):
        await book.start(5)
        assert (applied(book) == [("house", "", 1)]) is holds
        assert "shop" in told


async def test_while_namespaces_may_not_be_read_the_policy_is_not_understood(
    fake: FakeApi, api, monkeypatch
):
    monkeypatch.setattr(module, "FIRST_LIST_S", 5.0)
    listed(fake, POLICIES, policy(rollouts=SHOPS))
    fake.says("GET", NAMESPACES, 403, {"message": "cannot list namespaces"})
    async with book_of(api) as (book, _):
        await book.start(5)
        [(name, problem, guards)] = applied(book)
        assert (name, guards) == ("house", 0)
        assert "the labels of namespace 'shop' cannot be read" in problem
        assert "cannot list namespaces" in problem


async def test_a_list_of_namespaces_that_never_comes_holds_no_pass_and_no_guard(
    fake: FakeApi, api, monkeypatch
):
    monkeypatch.setattr(module, "FIRST_LIST_S", 0.05)
    listed(fake, POLICIES, policy(rollouts=SHOPS), policy("all"))
    fake.hangs("GET", NAMESPACES)
    async with book_of(api) as (book, _):
        assert await book.start(5) == ""
        [everywhere, (name, problem, guards)] = applied(book)
        assert everywhere == ("all", "", 1)
        assert (name, guards) == ("house", 0)
        assert "it was not listed yet" in problem
        assert applied(book, running("all", "house")) == [("all", "", 1), ("house", "", 1)]
        assert applied(book, running("all")) == [("all", "", 1)]


async def test_namespaces_are_followed_as_soon_as_a_policy_asks_not_when_a_rollout_does(
    fake: FakeApi, api
):
    listed(fake, POLICIES)
    listed(fake, NAMESPACES, namespace(tier="production"))
    async with book_of(api) as (book, told):
        await book.start(5)
        watch = await fake.watch()
        watch.send("ADDED", policy(version="11", rollouts=SHOPS))
        await until(lambda: "" in told)
        assert applied(book) == [("house", "", 1)]


WRONG = {"metrics": [{"name": "errors", "template": "no-such-template"}]}


@asynccontextmanager
async def edited(fake, api, first, second):
    """A book that has read a policy and then its edit."""
    listed(fake, POLICIES, first)
    async with book_of(api) as (book, told):
        await book.start(5)
        watch = await fake.watch()
        before = len(told)
        watch.send("MODIFIED", second)
        await until(lambda: len(told) > before)
        yield book, watch


@pytest.mark.parametrize("slip", [WRONG, {"guards": "none"}, {"rollouts": 3}, {"later": True}])
async def test_a_mistake_in_a_policy_disarms_no_guard_that_was_understood(fake: FakeApi, api, slip):
    async with edited(fake, api, policy(), policy(version="11", generation=2, **slip)) as (book, _):
        found = book.applied(Rollout.parse(ROLLOUT), ROLLOUT, REST, NOW)
        [house] = found.policies
        assert (house.generation, house.stands_in) == (2, True)
        assert house.problem.endswith("; its guards are watched as they were last understood")
        assert found.metric("policy/house/0", "errors").template == "istio-error-rate"
        assert [one.max for one in house.guards] == [0.01]


async def test_a_policy_that_is_mended_holds_as_it_says(fake: FakeApi, api):
    slip = policy(version="11", generation=2, **WRONG)
    async with edited(fake, api, policy(), slip) as (book, watch):
        watch.send("MODIFIED", policy(version="12", generation=3, guards=[]))
        await until(lambda: applied(book) == [("house", "", 0)])


async def test_a_namesake_has_no_guards_of_a_policy_that_was_deleted(fake: FakeApi, api):
    slip = policy(version="12", **WRONG)
    slip["metadata"]["uid"] = "another"
    async with edited(fake, api, policy(), policy(version="11", guards=[])) as (book, watch):
        watch.send("DELETED", policy(version="11", guards=[]))
        watch.send("ADDED", slip)
        await until(lambda: applied(book) and applied(book)[0][1])
        assert applied(book)[0][2] == 0


@pytest.mark.parametrize(("before", "after"), [("enforce", "observe"), ("observe", "enforce")])
async def test_no_guard_is_enforced_of_a_policy_that_only_told_or_only_is_to_tell(
    fake: FakeApi, api, before, after
):
    slip = policy(version="11", generation=2, mode=after, **WRONG)
    async with edited(fake, api, policy(mode=before), slip) as (book, _):
        [(_, problem, guards)] = applied(book)
        assert "no-such-template" in problem
        assert guards == 0


async def test_a_stand_in_that_cannot_hold_for_a_rollout_is_not_watched_there(fake: FakeApi, api):
    late = {"guards": [{"metric": "errors", "max": 0.01, "delay": "59m"}]}
    slip = policy(version="11", generation=2, **WRONG)
    async with edited(fake, api, policy(**late), slip) as (book, _):
        phased = SPEC | {"phases": [SPEC["phases"][0] | {"deadline": "30m"}]}
        found = book.applied(Rollout.parse(body(phased)), body(phased), REST, NOW)
        [house] = found.policies
        assert (house.stands_in, house.guards) == (False, ())
        assert "no-such-template" in house.problem
