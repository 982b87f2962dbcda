"""The templates over pods against a real Prometheus with 1-s scrapes.

One exporter plays kube-state-metrics twice, as a pair of them does, another one cAdvisor.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic

import pytest

from tests.adapters.prometheus.asking import WallClock, ask_one, metric, subject
from tests.adapters.prometheus.real import (
    ON_A_REAL_PROMETHEUS,
    WINDOW_S,
    Asker,
    Exporter,
    exporting,
    prometheus,
    series,
    until,
    watched,
)
from tidegate.adapters.prometheus import PrometheusMetrics, ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus import provider as provider_module
from tidegate.core.observation import Answer, Reading

OLD, NEW = "0123456789", "ba9876543f"
GIB = 1024.0**3

pytestmark = ON_A_REAL_PROMETHEUS


@dataclass
class Lab:
    url: str
    state: tuple[Exporter, Exporter]
    cadvisor: Exporter

    def tell(self, values: dict[str, float]) -> None:
        for exporter in self.state:
            exporter.set(values)


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    state, cadvisor = (Exporter(), Exporter()), Exporter()
    with ExitStack() as stack:
        for exporter in (*state, cadvisor):
            stack.enter_context(exporting(exporter))
        exporters = {"state-0": state[0], "state-1": state[1], "cadvisor": cadvisor}
        folder = tmp_path_factory.mktemp("prometheus")
        yield Lab(stack.enter_context(prometheus(folder, exporters)), state, cadvisor)


@pytest.fixture
async def metrics(lab, monkeypatch) -> AsyncIterator[PrometheusMetrics]:
    monkeypatch.setattr(provider_module, "ANSWER_AGE_S_MAX", 0.01)
    made = PrometheusMetrics({"default": ProviderConfig(lab.url)}, TelemetryConfig(), WallClock())
    yield made
    await made.close()


def of_container(name: str, pod: str, container: str = "app", **more: str) -> str:
    return series(name, {"namespace": "shop", "pod": pod, "container": container, **more})


def restarts(pod: str, container: str = "app") -> str:
    return of_container("kube_pod_container_status_restarts_total", pod, container)


async def test_restarts_of_a_revision_are_counted_once(lab, metrics):
    for job in ("state-0", "state-1"):
        await watched(metrics, job)
    first, second, old = f"web-{NEW}-aaaaa", f"web-{NEW}-bbbbb", f"web-{OLD}-ccccc"
    lab.tell({restarts(first): 0, restarts(second): 0, restarts(old): 7})
    lab.tell({restarts("web-5d4f8c7b9-ddddd"): 9, restarts("db-0"): 9})
    ask = Asker(metrics, "pod-restarts", subject(NEW))
    reading = await until(ask, lambda reading: reading.answer is Answer.OK)
    assert (reading.value, reading.samples) == (0, 2)
    lab.tell({restarts(first): 2, restarts(second): 1})
    # The two scrape one after the other; the larger of both counts.
    await until(ask, lambda reading: reading.value == 3)
    await until(ask, lambda reading: reading.value == 0)
    nobody = await ask_one(metrics, metric("pod-restarts"), subject("eeeeeeeeee"))
    assert nobody.answer is Answer.NODATA


async def test_the_fullest_container_counts_against_its_limit(lab, metrics):
    await watched(metrics, "cadvisor")
    full, calm = f"web-{NEW}-fffff", f"web-{NEW}-ggggg"

    def limit(pod: str, container: str, resource: str) -> str:
        labels = {"resource": resource, "node": "n", "unit": "u"}
        return of_container("kube_pod_container_resource_limits", pod, container, **labels)

    def memory(pod: str, container: str) -> str:
        return of_container("container_memory_working_set_bytes", pod, container, id="/kubepods/x")

    lab.tell({limit(pod, "app", "memory"): 2 * GIB for pod in (full, calm)})
    lab.tell({limit(full, "app", "cpu"): 0.5})
    lab.cadvisor.set({memory(calm, "app"): GIB / 2, memory(full, "app"): 1.5 * GIB})
    # No limit, the whole pod, the pause container: none of them is a share.
    lab.cadvisor.set({memory(full, name): 8 * GIB for name in ("free", "", "POD")})
    used = Asker(metrics, "container-memory", subject(NEW))
    reading = await until(used, lambda reading: reading.samples == 2)
    assert reading.value == 0.75

    spent = of_container("container_cpu_usage_seconds_total", full, cpu="total")
    ask = Asker(metrics, "container-cpu", subject(NEW), window_s=3 * WINDOW_S)
    began = monotonic()

    async def burning() -> Reading:
        lab.cadvisor.set({spent: (monotonic() - began) / 4})
        return await ask()

    # A quarter of a second in each second is half of the limit; scrapes are not to the moment.
    reading = await until(burning, lambda it: it.value == pytest.approx(0.5, rel=0.2))
    assert reading.samples == 1
