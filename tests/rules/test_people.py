"""People: whose address is whose, and who stands beside the requester (clauses, Roles)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.people import Person, same_address


@pytest.mark.parametrize(
    ("one", "other"),
    [("ada@contoso.example", "Ada@Contoso.Example"), (" ada@contoso.example\n", "ADA@CONTOSO.EXAMPLE")],
)
def test_case_and_blanks_do_not_make_another_mailbox(one: str, other: str) -> None:
    """As mail treats addresses in practice."""
    assert same_address(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@contoso.example", "ada@contoso.example.evil.example"),
        ("ada@contoso.example", "ada+x@contoso.example"),
        ("ada@contoso.example", "Ada Byte <ada@contoso.example>"),
        ("strasse@contoso.example", "straße@contoso.example"),
        ("kim@contoso.example", "\u212aim@contoso.example"),
        ("", ""),
        (" ", ""),
    ],
    ids=["longer", "plus", "with a name", "sharp s", "Kelvin sign", "both empty", "both blank"],
)
def test_another_mailbox_is_another_person(one: str, other: str) -> None:
    """Look-alikes are strangers, and an address that nobody has is nobody's."""
    assert not same_address(one, other)


@given(st.text(max_size=12), st.text(max_size=12))
def test_likeness_is_mutual(one: str, other: str) -> None:
    """If one is the other's, the other is the one's."""
    assert same_address(one, other) == same_address(other, one)


@given(st.emails())
def test_an_address_is_its_own(address: str) -> None:
    """Whatever its case."""
    assert same_address(address, address)
    assert same_address(address.upper(), address.lower())


def test_a_person_reads_as_name_and_address() -> None:
    """As on mails and forms."""
    assert str(Person(name="Kim Lund", email="kim@northgate.example")) == "Kim Lund <kim@northgate.example>"
