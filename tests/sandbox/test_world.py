"""The seeded world keeps what other work relies on."""

from collections import Counter

import pytest

from sandbox.seed.catalogue import NOT_MAPPED
from sandbox.world import SEED


def test_contoso_is_plain_and_has_no_visio_plan_1() -> None:
    """The first demonstration orders Visio Plan 1 for Contoso: everything else about it is in order."""
    contoso = SEED.customer("contoso")
    held = [s.product for company in contoso.pax8 for s in company.subscriptions]
    assert "Visio Plan 1" not in held
    assert contoso.awkward == ""
    assert contoso.contact("ada@contoso.example").may_sign
    assert contoso.tenants[0].gdap[0].status == "active"
    assert contoso.tickets[0].status != "Complete"


def test_fabrikam_is_plain_but_has_no_relationship() -> None:
    """Its tenant is known from the documentation alone."""
    fabrikam = SEED.customer("fabrikam")
    assert fabrikam.tenants[0].gdap == ()
    assert fabrikam.tenants[0].in_it_glue


def test_every_awkward_kind_has_its_customer() -> None:
    """One customer of each kind that the design names."""
    customers = SEED.customers
    assert any(c.pax8 and c.pax8[0].external_id is None for c in customers), "no external id"
    assert any(len(c.tenants) == 2 for c in customers), "two tenants"
    assert any(not c.tenants and not c.pax8 for c in customers), "no tenant at all"
    assert any(not c.it_glue_linked for c in customers), "an unassigned PSA link"
    assert any(c.countersigner_slow for c in customers), "our own countersigner is slow"
    segments = {s.segment for c in customers for company in c.pax8 for s in company.subscriptions}
    assert {"Nonprofit", "Trial"} <= segments
    assert any(s.end_booked for c in customers for company in c.pax8 for s in company.subscriptions), "booked end"
    assert any(t.assigned_to == "ivy" for c in customers for t in c.tickets), "an inactive technician"
    assert any(c.contacts[0].title == "Receptionist" for c in customers), "a receptionist as contact"


def test_litware_holds_one_product_monthly_and_annual() -> None:
    """Clause S2 needs a customer with both terms."""
    (company,) = SEED.customer("litware").pax8
    assert {s.term for s in company.subscriptions} == {"Monthly", "1-Year"}
    assert len({s.product for s in company.subscriptions}) == 1


def test_the_product_map_names_each_product_once_and_leaves_one_out() -> None:
    """Exact and unambiguous, but for the product that N1 must refuse."""
    names = Counter(entry.our_name for entry in SEED.product_map)
    assert set(names.values()) == {1}
    assert NOT_MAPPED not in names
    for entry in SEED.product_map:
        assert SEED.product_by_id(entry.product_id).our_name == entry.our_name


def test_only_copilot_lacks_a_monthly_commitment() -> None:
    """Clause B2: a bridge is impossible for it."""
    lacking = {
        p.our_name for p in SEED.products if p.requires_commitment and "Monthly" not in {c.term for c in p.commitments}
    }
    assert lacking == {"Copilot for Microsoft 365"}
    with pytest.raises(KeyError):
        SEED.product("Copilot for Microsoft 365").commitment("Monthly")


def test_commitment_ids_belong_to_one_product() -> None:
    """Pax8 gives each product commitments of its own."""
    ids = [c.commitment_id for p in SEED.products for c in p.commitments]
    assert len(ids) == len(set(ids))


def test_every_seeded_subscription_is_of_a_known_product_and_tenant() -> None:
    """Nothing in the world hangs in the air."""
    for customer in SEED.customers:
        tenants = {tenant.tenant_id for tenant in customer.tenants}
        for company in customer.pax8:
            for subscription in company.subscriptions:
                assert SEED.product_of(subscription).our_name == subscription.product
                assert subscription.tenant_id in tenants


def test_ids_are_unique() -> None:
    """Companies, contacts, tickets, tenants: an id means one thing."""
    for ids in (
        [c.company_id for c in SEED.customers],
        [c.key for c in SEED.customers],
        [p.contact_id for c in SEED.customers for p in c.contacts],
        [t.ticket_id for c in SEED.customers for t in c.tickets],
        [t.number for c in SEED.customers for t in c.tickets],
        [t.tenant_id for c in SEED.customers for t in c.tenants],
        [p.product_id for p in SEED.products],
        [s.email for s in SEED.staff],
    ):
        assert len(ids) == len(set(ids))


def test_there_are_at_least_two_senior_people_who_are_active() -> None:
    """Clause B4: the second resource is senior and never the requester."""
    assert len([s for s in SEED.staff if s.senior and s.active]) >= 2
