"""The miniature's steps over real HTTP: what another engine runs again after a crash is done once all the same."""

from collections.abc import Iterator

import httpx
import pytest

from deployments.bench.engine.vendors import NotInOrder, Vendors
from deployments.bench.engines import EngineBench, request_of
from deployments.bench.results import NotMeasured
from tests.serving import sandbox_served

NOWHERE = "http://127.0.0.1:9/hooks/docusign"


@pytest.fixture
def sandbox_url() -> Iterator[str]:
    with sandbox_served() as address:
        yield address


def test_each_step_run_twice_has_one_effect_and_nothing_is_ordered_unsigned(sandbox_url: str) -> None:
    bench = EngineBench(sandbox_url, sandbox_url)
    bench.prepare(2)
    told = httpx.get(f"{sandbox_url}/_sandbox/credentials").raise_for_status().json()
    vendors, request, key = Vendors(told, NOWHERE), request_of(1), "bench-1"

    vendors.check(request)
    envelope = vendors.send_agreement(request, key)
    assert vendors.send_agreement(request, key) == envelope
    with pytest.raises(NotInOrder, match="not completed"):
        vendors.order(request, envelope)
    httpx.post(f"{sandbox_url}/_sandbox/envelopes/{envelope}/sign", json={"by": "all"}).raise_for_status()
    order = vendors.order(request, envelope)
    assert vendors.order(request, envelope) == order
    vendors.mail_billing(request, order, key)
    vendors.mail_billing(request, order, key)

    rows = httpx.get(f"{sandbox_url}/_sandbox/ledger", params={"effects": "1"}).json()["entries"]
    done = [effect["effect"] for row in rows for effect in row["effects"]]
    for effect in ("draft created", "envelope sent", "order placed", "mail sent"):
        assert done.count(effect) == 1, effect
    bench.no_order_twice(1)
    with pytest.raises(NotMeasured, match="1 orders at Pax8, and there should be 2"):
        bench.no_order_twice(2)
