"""Seeded bugs in how providers are asked: secrets that are told, silence that lasts."""

from tests.mutants.mutant import Mutant

ACCESS = "tests/adapters/prometheus/test_access.py::"
BREAKER = "tests/adapters/prometheus/test_breaker.py::"
CIRCUIT = "tests/adapters/prometheus/test_circuit.py::"
TLS = "tests/adapters/prometheus/test_tls.py::"
OWN_SERIES = "tests/adapters/prometheus/test_own_series.py::"
SERVERS = "tests/adapters/prometheus/test_http_servers.py::"
METRICS = "docs/reference/metrics.md"
CONNECTING = "docs/how-to/connect-a-metrics-server.md"

MUTANTS = (
    Mutant(
        "a file with a line break sends a header of its own",
        CONNECTING,
        "adapters/prometheus/secret_files.py",
        "    if not is_header_value(value):\n",
        "    if not value:\n",
        (ACCESS + "test_a_file_that_cannot_be_sent_is_told_by_its_field_alone",),
    ),
    Mutant(
        "a rotated certificate is never shown",
        CONNECTING,
        "adapters/prometheus/tls.py",
        "if self._context is None or digest != self._digest:",
        "if self._context is None:",
        (TLS + "test_a_rotated_client_certificate_is_shown_by_the_next_query",),
    ),
    Mutant(
        "the wrong name of a server is good enough",
        CONNECTING,
        "adapters/prometheus/tls.py",
        "        if tls.cert_file is not None and tls.key_file is not None:\n",
        "        context.check_hostname = False\n"
        "        if tls.cert_file is not None and tls.key_file is not None:\n",
        (TLS + "test_a_certificate_for_another_name_is_refused_unless_it_is_asked_for",),
    ),
    Mutant(
        "a provider that was silent is left alone for ever longer",
        CONNECTING,
        "adapters/prometheus/breaker.py",
        "pause_s = min(self.pause_s * 2 or PAUSE_S_FIRST, PAUSE_S_MAX)",
        "pause_s = self.pause_s * 2 or PAUSE_S_FIRST",
        (BREAKER + "test_nobody_is_sent_away_for_longer_than_the_longest_pause",),
    ),
    Mutant(
        "one Rollout's slow queries take the answers of all others away",
        CONNECTING,
        "adapters/prometheus/circuit.py",
        "            self._breaker = self._breaker.unanswered()\n            return\n",
        "            self._breaker = self._breaker.unanswered()\n"
        "            if self._breaker.failures >= 5:\n"
        "                self._breaker = self._breaker.unproven(self._now_s())\n"
        "            return\n",
        (CIRCUIT + "test_queries_that_fail_by_themselves_take_nothing_from_others",),
    ),
    Mutant(
        "a misspelt counter of failures is one without failures",
        METRICS,
        "adapters/prometheus/own_series.py",
        "        if named not in bad and named not in known:\n",
        "        if False:\n",
        (OWN_SERIES + "test_a_ratio_that_cannot_be_right_is_not_measured",),
    ),
    Mutant(
        "requests with a code of their own kind are none with an error",
        METRICS,
        "adapters/prometheus/http_servers.py",
        'return f"{of_class.group(1)}00" if of_class else told',
        'return f"{of_class.group(1)}00" if of_class else "200"',
        (SERVERS + "test_what_cannot_be_right_leaves_a_revision_unmeasured",),
    ),
    Mutant(
        "a label's value may end its quotes",
        METRICS,
        "api/series.py",
        '"[^"\\\\{}\\x00-\\x1f\\x7f]*"\'',
        '".*"\'',
        (OWN_SERIES + "test_what_is_no_plain_selector_is_refused",),
    ),
)
