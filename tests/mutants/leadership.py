"""Seeded bugs in who may write: leases, fences, epochs."""

from tests.mutants.mutant import Mutant

FENCE = "tests/adapters/kubernetes/test_fence.py::"
STAMPING = "tests/adapters/kubernetes/test_stamping.py::"
RUNS = "tests/adapters/kubernetes/test_runs.py::"
LEADING = "tests/controller/test_leading.py::"
TAKING_OVER = "tests/controller/test_taking_over.py::"

MUTANTS = (
    Mutant(
        "an old leader goes on writing after it lost the Lease",
        "argo-rollouts #2117",
        "adapters/kubernetes/api.py",
        '        if method != "GET":\n            self._fence.check(f"{method} {path}")\n',
        "",
        (FENCE + "test_no_write_is_sent_after_the_time_is_over",),
    ),
    Mutant(
        "only some kinds of write ask the fence",
        "argo-rollouts #2117",
        "adapters/kubernetes/api.py",
        '        if method != "GET":\n',
        '        if method in ("POST", "PUT", "DELETE"):\n',
        (FENCE + "test_no_write_is_sent_after_the_time_is_over",),
    ),
    Mutant(
        "a Lease that somebody else holds is renewed on",
        "argo-rollouts #2117",
        "controller/leading.py",
        "            elif (found.holder, found.epoch) != (record.holder, record.epoch):\n",
        "            elif not found.holder:\n",
        (LEADING + "test_a_lease_that_somebody_else_took_ends_the_process",),
    ),
    Mutant(
        "a renewal counts from when it was answered",
        "kubernetes/client-go documents no fencing",
        "controller/leading.py",
        "        self._fence.lead(record.epoch, sent_s + self._times.renew_within_s)\n",
        "        now_s = max(sent_s, self._fence.now_s())\n"
        "        self._fence.lead(record.epoch, now_s + self._times.renew_within_s)\n",
        (LEADING + "test_a_renewal_counts_from_when_it_was_sent",),
    ),
    Mutant(
        "a standby believes the holder's clock",
        "kopf peering, which compares a peer's stamp with its own clock",
        "controller/leading.py",
        "        return asked_s - self._seen_s >= self._waits_s\n",
        "        if found is None:\n"
        "            return asked_s - self._seen_s >= self._waits_s\n"
        "        now = self._clock.now()\n"
        '        said = type(now).fromisoformat(found.body["spec"]["renewTime"])\n'
        "        return (now - said).total_seconds() >= self._waits_s\n",
        (LEADING + "test_the_holders_clock_and_stamps_decide_nothing",),
    ),
    Mutant(
        "a deleted Lease starts its epochs anew",
        "argo-rollouts #4768",
        "controller/leading.py",
        "            epoch = max(found.epoch, highest) + 1\n",
        "            epoch = found.epoch + 1\n",
        (LEADING + "test_an_epoch_is_higher_than_any_that_a_rollout_was_written_under",),
    ),
    Mutant(
        "a new leader decides before it claimed what is in flight",
        "stale state, Sieve (OSDI 2022) 3.2",
        "controller/loop.py",
        "        if memory.stored.epoch == self._cluster.epoch:\n            return False\n",
        "        if memory.stored.epoch is not None:\n            return False\n",
        (TAKING_OVER + "test_a_run_is_claimed_before_anything_else_is_written",),
    ),
    Mutant(
        "a claim leaves the routes as the old leader read them",
        "argo-rollouts #2117",
        "adapters/kubernetes/stamping.py",
        "            await self._touch(resource, found)\n",
        '            if resource.kind != "VirtualService":\n'
        "                await self._touch(resource, found)\n",
        (STAMPING + "test_every_object_of_a_claimed_rollout_gets_a_new_version",),
    ),
    Mutant(
        "a claim leaves the destinations as the old leader read them",
        "argo-rollouts #2117",
        "adapters/kubernetes/stamping.py",
        "            await self._touch(resource, found)\n",
        '            if resource.kind != "DestinationRule":\n'
        "                await self._touch(resource, found)\n",
        (STAMPING + "test_every_object_of_a_claimed_rollout_gets_a_new_version",),
    ),
    Mutant(
        "a claim leaves the ReplicaSets as the old leader read them",
        "argo-rollouts #2117",
        "adapters/kubernetes/stamping.py",
        "            if epoch_on(body) != str(self._api.epoch):\n",
        "            if epoch_on(body):\n",
        (
            STAMPING + "test_every_object_of_a_claimed_rollout_gets_a_new_version",
            STAMPING + "test_replica_sets_keep_the_epoch_and_are_touched_once",
        ),
    ),
    Mutant(
        "the mark of a claim stays on users' objects",
        "argo-rollouts #3854",
        "adapters/kubernetes/stamping.py",
        "watched.put(await self._send(resource, body, unmark_patch(body), watched.learn))\n",
        "return\n",
        (STAMPING + "test_users_objects_keep_what_they_had_and_no_mark_stays",),
    ),
    Mutant(
        "a standby that stops gives back a Lease it does not hold",
        "argo-rollouts #2117",
        "controller/leading.py",
        "        if record is None or not held:\n",
        "        if record is None:\n",
        (LEADING + "test_a_leader_whose_time_is_over_leaves_the_lease_alone",),
    ),
)
