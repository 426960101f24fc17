"""New, or more of what the customer has: product and commitment term decide, and nothing else (A1)."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.order import Term
from rules.refusal import Problem
from rules.subscribed import LiveSubscription, check_new, relatives

START = date(2026, 12, 1)


def held(**changes: Any) -> LiveSubscription:
    """Three seats of Visio Plan 1 on the Monthly term, renewing."""
    plain: dict[str, Any] = {
        "subscription_id": "s-1",
        "product_id": "p-visio-1",
        "product_name": "Visio Plan 1 [New Commerce Experience]",
        "seats": 3,
        "term": Term.MONTHLY,
        "status": "Active",
    }
    return LiveSubscription.model_validate({**plain, **changes})


def check(
    *subscriptions: LiveSubscription, term: Term = Term.MONTHLY, own: frozenset[str] = frozenset()
) -> Problem | None:
    """What A1 says to Visio Plan 1 from START on."""
    return check_new("product", "p-visio-1", "Visio Plan 1", term, START, subscriptions, own)


def test_a_product_that_the_customer_lacks_is_new() -> None:
    """No subscription of it, no objection."""
    assert check() is None
    assert check(held(product_id="p-visio-2", product_name="Visio Plan 2")) is None


@pytest.mark.parametrize("term", list(Term))
def test_more_of_the_same_term_is_another_door(term: Term) -> None:
    """Same product, same term: refused, and the right door is named."""
    refused = check(held(term=term), term=term)
    assert refused is not None
    assert (refused.field, refused.clause) == ("product", "A1")
    assert "3 × Visio Plan 1" in refused.message
    assert "s-1" in refused.message
    assert "add-seats" in refused.way_out


@pytest.mark.parametrize(("has", "wants"), [(Term.MONTHLY, Term.ANNUAL), (Term.ANNUAL, Term.MONTHLY)])
def test_another_term_of_the_same_product_is_new(has: Term, wants: Term) -> None:
    """Same product, other term: a new subscription with that term's own agreement."""
    assert check(held(term=has), term=wants) is None


@pytest.mark.parametrize(
    ("ends_on", "blocks"),
    [
        (None, True),
        (START + timedelta(days=1), True),
        (START, False),
        (START - timedelta(days=1), False),
    ],
    ids=["renews", "ends the day after", "ends on the start", "ended before"],
)
def test_a_booked_end_counts_as_subscribed_until_the_day_itself(ends_on: date | None, blocks: bool) -> None:
    """Only a start on or after the booked end is new."""
    assert (check(held(ends_on=ends_on)) is not None) == blocks


def test_a_booked_end_is_offered_as_the_way_out() -> None:
    """Who could start later hears from which day on."""
    refused = check(held(ends_on=date(2026, 12, 24)))
    assert refused is not None
    assert "booked to end on 2026-12-24" in refused.message
    assert "on or after 2026-12-24" in refused.way_out


@pytest.mark.parametrize(
    "other",
    [
        held(status="Trial"),
        held(product_name="Visio Plan 1 Trial"),
        held(product_id="p-visio-1-np", product_name="Visio Plan 1 (Nonprofit)"),
        held(product_id="p-visio-1-gcc", product_name="Visio Plan 1 GCC"),
        held(status="Cancelled"),
    ],
    ids=["trial by status", "trial by name", "nonprofit twin", "government twin", "cancelled"],
)
def test_a_trial_a_twin_or_a_cancelled_one_never_blocks(other: LiveSubscription) -> None:
    """They are other products, or gone."""
    assert check(other) is None


def test_a_name_that_only_contains_trial_is_no_trial() -> None:
    """An 'Industrial' product is a real one: it blocks."""
    assert check(held(product_name="Industrial Visio")) is not None


@pytest.mark.parametrize(
    "status", ["Active", "PendingManual", "PendingAutomated", "PendingCancel", "WaitingForDetails"]
)
def test_any_status_but_cancelled_counts(status: str) -> None:
    """Status is weak evidence: dates decide, and a pending one is one (pax8.md §7)."""
    assert check(held(status=status)) is not None


def test_what_this_request_bought_never_blocks_it() -> None:
    """A run repeated finds its own subscription and goes on; another one of the same kind still blocks."""
    assert check(held(), own=frozenset({"s-1"})) is None
    assert check(held(), held(subscription_id="s-2"), own=frozenset({"s-1"})) is not None


@pytest.mark.parametrize("term", list(Term))
def test_a_term_that_cannot_be_read_blocks_both(term: Term) -> None:
    """Unknown is not 'other': a person looks first."""
    refused = check(held(term=None), term=term)
    assert refused is not None
    assert refused.clause == "A1"
    assert "commitment" in refused.message
    assert "portal" in refused.way_out


subscriptions = st.builds(
    LiveSubscription,
    subscription_id=st.sampled_from(["s-1", "s-2", "s-3"]),
    product_id=st.sampled_from(["p-visio-1", "p-visio-2"]),
    product_name=st.sampled_from(["Visio Plan 1", "Visio Plan 1 (Nonprofit)", "Visio Plan 1 Trial"]),
    seats=st.integers(1, 50),
    term=st.none() | st.sampled_from(list(Term)),
    status=st.sampled_from(["Active", "Cancelled", "Trial", "PendingCancel", "PendingManual"]),
    ends_on=st.none() | st.integers(-3, 3).map(lambda away: START + timedelta(days=away)),
)
several = st.lists(subscriptions, max_size=5).map(tuple)
owned = st.frozensets(st.sampled_from(["s-1", "s-2", "s-3"]), max_size=2)


@given(several, st.sampled_from(list(Term)), owned)
def test_exactly_the_live_ones_of_that_product_and_term_block(
    subscriptions: tuple[LiveSubscription, ...], term: Term, own: frozenset[str]
) -> None:
    """The clause said once more, in one expression, agrees on every customer."""
    expected = any(
        one.product_id == "p-visio-1"
        and one.subscription_id not in own
        and one.status not in ("Cancelled", "Trial")
        and not one.product_name.endswith("Trial")
        and (one.ends_on is None or one.ends_on > START)
        and one.term in (None, term)
        for one in subscriptions
    )
    assert (check(*subscriptions, term=term, own=own) is not None) == expected


@given(several, subscriptions, st.sampled_from(list(Term)), owned)
def test_one_subscription_more_never_opens_the_door(
    subscriptions: tuple[LiveSubscription, ...], more: LiveSubscription, term: Term, own: frozenset[str]
) -> None:
    """What is refused stays refused when the customer has something else besides, in any order."""
    if check(*subscriptions, term=term, own=own) is not None:
        assert check(*subscriptions, more, term=term, own=own) is not None
        assert check(more, *reversed(subscriptions), term=term, own=own) is not None


def test_other_terms_trials_and_twins_are_shown_to_a_person() -> None:
    """Whoever decides sees what the customer has beside it, each with its kind and id."""
    shown = relatives(
        "p-visio-1",
        "Visio Plan 1",
        Term.MONTHLY,
        (
            held(subscription_id="s-1", term=Term.ANNUAL),
            held(subscription_id="s-2", status="Trial"),
            held(subscription_id="s-3", product_id="p-np", product_name="Visio Plan 1 (Nonprofit)"),
            held(subscription_id="s-4", term=None),
            held(subscription_id="s-5"),
            held(subscription_id="s-6", term=Term.ANNUAL, status="Cancelled"),
            held(subscription_id="s-7", product_id="p-visio-2", product_name="Visio Plan 2"),
        ),
        START,
    )
    assert [text.rpartition(", ")[2].rstrip(")") for text in shown] == ["s-1", "s-2", "s-3", "s-4"]
    assert ["1-Year" in shown[0], "trial" in shown[1], "another product" in shown[2], "unknown" in shown[3]] == [
        True
    ] * 4
