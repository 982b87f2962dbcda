"""Seeded bugs in what is believed: stale copies, blind writes, somebody else's objects."""

from tests.mutants.mutant import Mutant

STORE = "tests/adapters/kubernetes/test_store.py::"
COPIES = "tests/adapters/kubernetes/test_stale_copies.py::"
CLUSTER = "tests/adapters/kubernetes/test_cluster.py::"
SETS = "tests/adapters/kubernetes/test_replica_sets.py::"
STAMPING = "tests/adapters/kubernetes/test_stamping.py::"
CLAIMS = "tests/adapters/kubernetes/test_claims.py::"
ISTIO = "tests/adapters/test_istio.py::"
LOOP = "tests/controller/test_loop.py::"
MEMORY = "tests/controller/test_stale_memory.py::"
CLOCK = "tests/controller/test_clock.py::"

MUTANTS = (
    Mutant(
        "our own write overwrites a newer copy",
        "argo-rollouts #4786",
        "adapters/kubernetes/store.py",
        "if uid_of(body) not in self._gone and newer(self._objects.get(key_of(body)), body):",
        "if uid_of(body) not in self._gone:",
        (STORE + "test_what_was_put_beats_a_late_event",),
    ),
    Mutant(
        "a late event undoes our own write",
        "argo-rollouts #726",
        "adapters/kubernetes/store.py",
        "if known is not None and (_same(known, body) or not newer(known, body)):",
        "if known is not None and _same(known, body):",
        (STORE + "test_what_was_put_beats_a_late_event",),
    ),
    Mutant(
        "an older copy of the Rollout replaces a newer one",
        "argo-rollouts #4073",
        "adapters/kubernetes/cluster.py",
        " or not newer(self.rollouts.get(key_of(body)), body):\n",
        ":\n",
        (CLUSTER + "test_an_older_copy_of_a_rollout_is_not_taken_over",),
    ),
    Mutant(
        "a list that lost objects leaves them in memory",
        "argo-rollouts #3316",
        "adapters/kubernetes/store.py",
        "                self._remove(body)\n        return version",
        "        return version",
        (STORE + "test_listing_again_removes_what_vanished_but_nothing_newer",),
    ),
    Mutant(
        "a late answer revives an object that was deleted",
        "argo-rollouts #4044",
        "adapters/kubernetes/store.py",
        '        elif kind == "DELETED":\n            self._mark_gone(body)\n',
        '        elif kind == "DELETED":\n',
        (COPIES + "test_what_was_deleted_stays_deleted_whatever_arrives_late",),
    ),
    Mutant(
        "a list from before a restore of etcd is believed",
        "stale state, Sieve (OSDI 2022) 3.2",
        "adapters/kubernetes/store.py",
        "        if int(version) < self._high[scope]:\n",
        "        if int(version) < 0:\n",
        (COPIES + "test_a_list_older_than_what_was_seen_is_never_taken_for_the_present",),
    ),
    Mutant(
        "a ReplicaSet that is there already is looked for in a stale copy",
        "argo-rollouts #4855",
        "adapters/kubernetes/replica_set_writes.py",
        '            answer = await self._found(rollout, str(body["metadata"]["name"]))\n',
        '            answer = self._store.get(key_of(body)) or {**body, "status": {}}\n'
        '            answer["metadata"].setdefault("uid", "")\n',
        (CLUSTER + "test_a_replica_set_that_is_there_already_is_taken_over",),
    ),
    Mutant(
        "a decision goes on from memory after a conflict",
        "argo-rollouts #4784",
        "controller/loop.py",
        "                memory.working = memory.stored\n                conflicts += 1\n",
        "                conflicts += 1\n",
        (MEMORY + "test_after_a_conflict_nothing_is_believed_that_was_not_stored",),
    ),
    Mutant(
        "what others wrote into the status is not seen",
        "argo-rollouts #4694",
        "controller/loop.py",
        "            if status != memory.stored:\n",
        "            if status is memory.stored:\n",
        (LOOP + "test_after_a_conflict_the_others_write_is_what_is_decided_on",),
    ),
    Mutant(
        "a verdict is forgotten when its write fails",
        "argo-rollouts #4461",
        "controller/statuses.py",
        "        if decided or (lasting and worth_writing(",
        "        if lasting and (worth_writing(",
        (LOOP + "test_a_verdict_is_stored_though_its_write_did_not_arrive",),
    ),
    Mutant(
        "the status is written with every look",
        "argo-rollouts #3080",
        "core/storing.py",
        "    if status == stored:\n        return False\n",
        "    if status == stored:\n        return True\n",
        (LOOP + "test_a_rollout_at_rest_is_written_once",),
    ),
    Mutant(
        "a Rollout made anew inherits what was remembered of the old one",
        "argo-rollouts #1295",
        "controller/loop.py",
        "        if memory is None or memory.uid != uid_of(body):\n",
        "        if memory is None:\n",
        (LOOP + "test_a_rollout_made_anew_is_remembered_anew",),
    ),
    Mutant(
        "a Rollout made anew owns the old one's ReplicaSets",
        "argo-rollouts #1295",
        "adapters/kubernetes/replica_sets.py",
        'any(ref.get("uid") == uid and ref.get("controller") for ref in references)',
        'any(ref.get("controller") for ref in references)',
        (SETS + "test_only_its_controller_owns_an_object",),
    ),
    Mutant(
        "pods are made for a Rollout that was made anew",
        "unobserved state, Sieve (OSDI 2022) 3.3",
        "adapters/kubernetes/replica_set_writes.py",
        "        if uid_of(body) != rollout.uid:\n",
        "        if uid_of(body) == rollout.uid is None:\n",
        (CLUSTER + "test_no_pods_are_made_for_a_rollout_that_was_made_anew",),
    ),
    Mutant(
        "weights are written whatever the version",
        "argo-rollouts #4786",
        "adapters/weights.py",
        '    version = body["metadata"]["resourceVersion"]\n'
        '    return {"op": "test", "path": "/metadata/resourceVersion", "value": version}\n',
        '    name = body["metadata"]["name"]\n'
        '    return {"op": "test", "path": "/metadata/name", "value": name}\n',
        (
            ISTIO + "test_a_weight_patch_fails_on_another_version",
            ISTIO + "test_a_subset_patch_fails_on_another_version_and_on_another_subset",
        ),
    ),
    Mutant(
        "a ReplicaSet is scaled whatever its version",
        "argo-rollouts #5052",
        "adapters/kubernetes/replica_set_writes.py",
        '            {"op": "test", "path": "/metadata/uid", "value": effect.uid},\n'
        '            {"op": "add", "path": "/spec/replicas", "value": effect.replicas},\n'
        "        ]\n",
        '            {"op": "add", "path": "/spec/replicas", "value": effect.replicas},\n'
        "        ][1:]\n",
        (CLUSTER + "test_a_patch_on_an_older_version_is_a_conflict_and_teaches_the_new_one",),
    ),
    Mutant(
        "a status decided on an older copy is sent",
        "argo-rollouts #4786",
        "adapters/kubernetes/cluster.py",
        "        if version_of(known) != version:\n",
        "        if version_of(known) == version is None:\n",
        (CLUSTER + "test_a_status_decided_on_an_older_copy_is_not_even_sent",),
    ),
    Mutant(
        "the grounds of a write are not read afresh",
        "argo-rollouts #4390",
        "adapters/kubernetes/cluster.py",
        "        await self._grounds.confirm(rollout, effect, sight)\n",
        "",
        (
            STAMPING + "test_grounds_that_moved_unseen_stop_a_write",
            STAMPING + "test_what_was_read_is_kept_for_the_next_pass",
        ),
    ),
    Mutant(
        "surplus pods count as ready right after a scale-down",
        "argo-rollouts #3316",
        "adapters/kubernetes/replica_sets.py",
        '    if status.get("observedGeneration", 0) < meta.get("generation", 0):\n'
        "        ready = min(ready, replicas)\n",
        "",
        (SETS + "test_surplus_pods_are_not_ready_until_the_controller_has_seen_the_new_size",),
    ),
    Mutant(
        "a new client library makes every template a new revision",
        "flagger #1673",
        "adapters/kubernetes/replica_sets.py",
        "json.dumps(template, sort_keys=True, separators",
        "json.dumps(template, separators",
        (SETS + "test_a_revision_does_not_depend_on_the_order_of_keys",),
    ),
    Mutant(
        "two Rollouts move one route",
        "argo-rollouts #2010",
        "adapters/kubernetes/claims.py",
        "        if other.age >= mine.age:\n",
        "        if other.age:\n",
        (CLAIMS + "test_the_older_claim_stands", CLAIMS + "test_the_same_pods_are_a_conflict"),
    ),
    Mutant(
        "a pause is timed by the wall clock",
        "kopf peering, whose deadlines are wall clock times",
        "controller/clock.py",
        "        return datetime.fromtimestamp(self._zero_s + self._steady_s(), UTC)\n",
        "        return datetime.fromtimestamp(self._wall_s(), UTC)\n",
        (CLOCK + "test_setting_the_clock_neither_ends_a_hold_nor_makes_it_endless",),
    ),
)
