"""How a delegated admin relationship stands for us (P8)."""

from hypothesis import given
from hypothesis import strategies as st

from rules.delegated import (
    RelationshipSeen,
    Standing,
    approval_link,
    missing_roles,
    relationship_name,
    standing_of,
    usable,
)

ROLES = ("reader", "licences", "users", "authentication")
STATUSES = [
    *("created", "approvalPending", "approved", "activating", "active", "expiring", "expired"),
    *("terminationRequested", "terminating", "terminated", "unknownFutureValue"),
]
SEEN = st.builds(
    RelationshipSeen,
    relationship_id=st.uuids().map(str),
    name=st.text(max_size=10),
    status=st.sampled_from(STATUSES),
    tenant_id=st.sampled_from(["", "ours", "theirs"]),
    roles=st.frozensets(st.sampled_from(ROLES)),
)


@given(SEEN, st.frozensets(st.sampled_from(ROLES), min_size=1))
def test_only_an_active_one_with_every_role_in_that_tenant_is_active(
    seen: RelationshipSeen, needed: frozenset[str]
) -> None:
    """Anything less is not taken for it."""
    is_active = seen.status in ("active", "expiring") and needed <= seen.roles and seen.tenant_id in ("", "ours")
    assert (standing_of(seen, "ours", needed) is Standing.ACTIVE) is is_active


@given(st.lists(SEEN, max_size=6), st.frozensets(st.sampled_from(ROLES), min_size=1))
def test_one_that_exists_is_used_whoever_made_it(known: list[RelationshipSeen], needed: frozenset[str]) -> None:
    """Found exactly when one of them is active in the tenant with every role; its roles then miss nothing."""
    found = usable(known, "ours", needed)
    fitting = [o for o in known if o.tenant_id == "ours" and standing_of(o, "ours", needed) is Standing.ACTIVE]
    assert (found in fitting) if fitting else found is None
    if found is not None:
        assert not missing_roles(known, "ours", needed)


def test_refused_and_expired_are_told_apart() -> None:
    """And what isn't known yet is under way."""
    seen = RelationshipSeen(relationship_id="1", name="n", status="terminated")
    assert standing_of(seen, "ours", ROLES) is Standing.REFUSED
    assert standing_of(seen.model_copy(update={"status": "expired"}), "ours", ROLES) is Standing.EXPIRED
    assert standing_of(seen.model_copy(update={"status": "approvalPending"}), "ours", ROLES) is Standing.UNDER_WAY
    other = seen.model_copy(update={"status": "active", "tenant_id": "theirs"})
    assert standing_of(other, "ours", ROLES) is Standing.OTHER_TENANT


@given(st.integers(1, 99), st.text(min_size=1, max_size=80))
def test_names_are_unique_for_each_attempt_and_fit(attempt: int, customer: str) -> None:
    """The reference and the attempt stand in front, so cutting the customer's name loses nothing."""
    name = relationship_name("CS-ABCDEFGH23", attempt, customer)
    assert len(name) <= 50 and name.startswith("CS-ABCDEFGH23")
    assert name != relationship_name("CS-ABCDEFGH23", attempt + 1, customer)
    assert name.partition(" ")[0] == ("CS-ABCDEFGH23" if attempt == 1 else f"CS-ABCDEFGH23-{attempt}")


def test_the_link_names_the_relationship() -> None:
    """It is fixed, but for the id (graph.md §6)."""
    assert approval_link("a-b").endswith("/granularAdminRelationships/a-b")
