"""Each wrong state in which a person can leave the admin account is found, and named (P7, P9, P11, P12)."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.admin_account import (
    Flaw,
    RecordSeen,
    SeenAtMicrosoft,
    Wanted,
    flaws_at_microsoft,
    flaws_of,
    unread,
)
from rules.secrecy import holds_seed

WANTED = Wanted(
    organisation_id=2185,
    prefix="munson",
    key_category_id=16,
    key_category="OTP secret key",
    group_id=42,
    group="senior",
)
ACCOUNT = RecordSeen(
    record_id=1,
    organisation_id=2185,
    name="Microsoft 365 admin",
    user_name="admin@munson.onmicrosoft.com",
    category_id=15,
    otp=True,
    stored=True,
    related_passwords=(2,),
)
KEY = RecordSeen(
    record_id=2,
    organisation_id=2185,
    name="OTP secret key",
    category_id=16,
    restricted=True,
    groups=(42,),
    users=(),
    stored=True,
)
OF_ACCOUNT: dict[Flaw, dict[str, Any]] = {
    Flaw.ACCOUNT_MISSING: {"archived": True},
    Flaw.ACCOUNT_ELSEWHERE: {"organisation_id": 2175},
    Flaw.USER_NAME: {"user_name": "admin@other.onmicrosoft.com"},
    Flaw.PASSWORD_NOT_STORED: {"stored": False},
    Flaw.NO_OTP: {"otp": False},
    Flaw.SECRET_IN_WORDS: {"seed_in_words": True},
    Flaw.NOT_RELATED: {"related_passwords": (3,)},
}
OF_KEY: dict[Flaw, dict[str, Any]] = {
    Flaw.KEY_MISSING: {"archived": True},
    Flaw.KEY_ELSEWHERE: {"organisation_id": 2175},
    Flaw.CATEGORY: {"category_id": 15},
    Flaw.NOT_RESTRICTED: {"restricted": False},
    Flaw.OTHERS_MAY_SEE: {"groups": (42, 44)},
    Flaw.GROUP_MAY_NOT_SEE: {"groups": ()},
    Flaw.KEY_NOT_STORED: {"stored": False},
}


def test_two_records_as_they_must_be_have_no_flaw() -> None:
    """Everything stored, related, restricted: nothing is asked for."""
    assert flaws_of(WANTED, ACCOUNT, KEY) == ()


@pytest.mark.parametrize("flaw", OF_ACCOUNT)
def test_a_flaw_of_the_account_is_found_alone(flaw: Flaw) -> None:
    """That one and no other, with its clause and a way out."""
    [found] = flaws_of(WANTED, ACCOUNT.model_copy(update=OF_ACCOUNT[flaw]), KEY)
    assert found.flaw is flaw and found.clause.startswith("P") and found.way_out


@pytest.mark.parametrize("flaw", OF_KEY)
def test_a_flaw_of_the_key_is_found_alone(flaw: Flaw) -> None:
    """That one and no other, with its clause and a way out."""
    [found] = flaws_of(WANTED, ACCOUNT, KEY.model_copy(update=OF_KEY[flaw]))
    assert found.flaw is flaw and found.clause.startswith("P") and found.way_out


@pytest.mark.parametrize("flaw", [*OF_ACCOUNT, *OF_KEY, Flaw.SECRET_IN_WORDS])
def test_no_finding_quotes_a_records_name(flaw: Flaw) -> None:
    """Findings go into forms, mails and notes; somebody may have pasted the secret into the name."""
    seed, both = "JBSWY3DPEHPK3PXP", {"seed_in_words": True}
    changed_account, changed_key = {**OF_ACCOUNT.get(flaw, both)}, {**OF_KEY.get(flaw, both)}
    account = ACCOUNT.model_copy(update={**changed_account, "name": f"admin {seed}"})
    key = KEY.model_copy(update={**changed_key, "name": f"key {seed}"})
    found = flaws_of(WANTED, account, key)
    assert found and all(seed not in str(one) for one in found)


def test_restricted_to_another_group_is_two_flaws() -> None:
    """The others see it, and seniors don't."""
    found = flaws_of(WANTED, ACCOUNT, KEY.model_copy(update={"groups": (44,)}))
    assert [one.flaw for one in found] == [Flaw.OTHERS_MAY_SEE, Flaw.GROUP_MAY_NOT_SEE]


@pytest.mark.parametrize("unreadable", [{"groups": None}, {"users": None}, {"users": (5001,)}])
def test_who_may_see_it_fails_closed(unreadable: dict[str, Any]) -> None:
    """An access list that can't be read, and one with a single person on it, are wrong."""
    found = flaws_of(WANTED, ACCOUNT, KEY.model_copy(update=unreadable))
    assert [one.flaw for one in found] == [Flaw.OTHERS_MAY_SEE]


@given(
    st.fixed_dictionaries({flaw: st.booleans() for flaw in OF_ACCOUNT if flaw is not Flaw.ACCOUNT_MISSING}),
    st.fixed_dictionaries({flaw: st.booleans() for flaw in OF_KEY if flaw is not Flaw.KEY_MISSING}),
)
def test_many_flaws_are_all_found_at_once(account: dict[Flaw, bool], key: dict[Flaw, bool]) -> None:
    """No flaw hides another, except those of a list that nobody may read behind 'everybody may see it'."""
    changed_account = {name: value for flaw in account if account[flaw] for name, value in OF_ACCOUNT[flaw].items()}
    changed_key = {name: value for flaw in key if key[flaw] for name, value in OF_KEY[flaw].items()}
    listed = {Flaw.OTHERS_MAY_SEE, Flaw.GROUP_MAY_NOT_SEE}
    if all(key[flaw] for flaw in listed):
        changed_key["groups"] = (44,)
    found = {
        one.flaw
        for one in flaws_of(WANTED, ACCOUNT.model_copy(update=changed_account), KEY.model_copy(update=changed_key))
    }
    wanted = {flaw for flaw in account if account[flaw]} | {flaw for flaw in key if key[flaw]}
    if key[Flaw.NOT_RESTRICTED]:
        wanted -= listed
    assert found == wanted


def test_an_account_without_records_is_missing() -> None:
    """Deleted records are named."""
    assert {one.flaw for one in flaws_of(WANTED, None, None)} == {Flaw.ACCOUNT_MISSING, Flaw.KEY_MISSING}


@pytest.mark.parametrize(
    ("seen", "flaw"),
    [
        ({"there": False}, Flaw.NO_ACCOUNT_THERE),
        ({"second_factors": 0}, Flaw.NO_SECOND_FACTOR),
        ({"password_changed": False}, Flaw.PASSWORD_NOT_CHANGED),
    ],
)
def test_microsoft_contradicts_it_glue(seen: dict[str, Any], flaw: Flaw) -> None:
    """A key in IT Glue proves no second factor at Microsoft: what Microsoft shows is named."""
    right = {"user_name": "admin@munson.onmicrosoft.com", "there": True, "second_factors": 1, "password_changed": True}
    assert not flaws_at_microsoft(SeenAtMicrosoft(**right))
    assert [one.flaw for one in flaws_at_microsoft(SeenAtMicrosoft(**{**right, **seen}))] == [flaw]


def test_what_nobody_can_read_is_for_a_second_person() -> None:
    """All read: nobody is asked. Nothing read: three things are."""
    right = SeenAtMicrosoft(user_name="a", there=True, second_factors=1, password_changed=True)
    assert not unread(True, right)
    assert len(unread(None, None)) == 3
    assert len(unread(True, right.model_copy(update={"second_factors": None}))) == 1


@given(st.binary(min_size=10, max_size=40), st.text(" .,:;\n", min_size=1, max_size=3))
def test_a_secret_key_in_words_is_seen(secret: bytes, between: str) -> None:
    """In capitals, as authenticators show it: whole, in groups, and as an address."""
    seed = base64.b32encode(secret).decode().rstrip("=")
    groups = " ".join(seed[at : at + 4] for at in range(0, len(seed) - len(seed) % 4, 4))
    for written in (seed, groups, groups.replace(" ", "-"), f"otpauth://totp/x?secret={seed}"):
        assert holds_seed(f"The key{between}{written}{between}is here")


@pytest.mark.parametrize(
    "text",
    [
        "Made by procedure CS-ABCDEFGH23, ticket T20261109.0004.",
        "https://northgate.itglue.example/2185/passwords/50001",
        "admin@munsonspicklesandpreserves.onmicrosoft.com",
        "4d6ac14f-3453-41d0-bef9-a3e0c569773a",
        "They have some good news this time, with best regards from Munson.",
    ],
)
def test_plain_words_are_no_secret_key(text: str) -> None:
    """References, addresses, ids and sentences pass."""
    assert not holds_seed(text)
