"""The onmicrosoft prefix can never be changed: what is derived, typed and doubted (P3, P10)."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.tenant import (
    LONGEST_PREFIX,
    account_name,
    derive_prefix,
    distance,
    doubts,
    initial_domain,
    name_of_domain,
    own_domains,
    prefix_fault,
)

LETTERS = string.ascii_lowercase + string.digits
PREFIXES = st.text(LETTERS, min_size=1, max_size=LONGEST_PREFIX)
DOMAINS = st.builds(lambda name, end: f"{name}.{end}", PREFIXES, st.sampled_from(["com", "example", "co.uk", "de"]))


@given(st.text(), st.lists(DOMAINS | st.text(max_size=20), max_size=3))
def test_what_is_derived_is_a_prefix_or_nothing(name: str, domains: list[str]) -> None:
    """Whatever the customer is called, nothing is suggested that Microsoft would refuse."""
    derived = derive_prefix(name, domains)
    assert derived == "" or not prefix_fault(derived)


@given(PREFIXES.filter(lambda name: len(name) > 3), st.sampled_from(["com", "co.uk", "com.au", "example"]))
def test_a_domain_gives_its_own_name(name: str, end: str) -> None:
    """With or without www, under a country's second level or not."""
    assert name_of_domain(f"www.{name}.{end}") == name == name_of_domain(f"{name}.{end}")
    assert derive_prefix("Another Name Ltd", [f"{name}.{end}"]) == name


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("Munson's Pickles and Preserves Farm", "munsonspicklesandpreserves"),
        ("Müller & Söhne GmbH", "mullerandsohne"),
        ("Ltd", "ltd"),
        ("Straße", "strasse"),
        ("日本", ""),
    ],
)
def test_without_a_domain_the_name_gives_it(name: str, prefix: str) -> None:
    """Whole words, as many as fit; without the legal form, unless that is all there is."""
    assert derive_prefix(name, ()) == prefix


@given(st.text().filter(lambda text: not set(text) <= set(LETTERS) or not 1 <= len(text) <= LONGEST_PREFIX))
def test_anything_else_is_no_prefix(text: str) -> None:
    """Capitals, dashes, dots, spaces, nothing, too much: said in words."""
    assert prefix_fault(text)


def test_the_whole_domain_is_no_prefix() -> None:
    """The commonest slip has words of its own."""
    assert "only what stands before" in prefix_fault("contoso.onmicrosoft.com")


@given(PREFIXES)
def test_the_name_of_the_domain_raises_no_doubt(name: str) -> None:
    """What equals the customer's domain is not questioned."""
    assert not doubts(name, "Whatever", [f"{name}.example"])


@given(PREFIXES.filter(lambda name: len(name) > 4), st.data())
def test_every_slip_is_doubted(name: str, data: st.DataObject) -> None:
    """One letter dropped, changed or swapped with its neighbour: it is called a slip."""
    at = data.draw(st.integers(0, len(name) - 2))
    slips = {
        name[:at] + name[at + 1 :],
        name[:at] + ("x" if name[at] != "x" else "y") + name[at + 1 :],
        name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    } - {name}
    for slip in slips:
        [doubt] = doubts(slip, "Whatever", [f"{name}.example"])
        assert "slip" in doubt and name in doubt and slip in doubt


def test_a_different_name_is_doubted_too() -> None:
    """It may be meant, and it is said."""
    assert doubts("pickles", "Munson", ["munson.example"]) == (
        "'pickles' is not 'munson', as munson.example suggests.",
    )
    assert "the name 'Munson Farm'" in doubts("munsonfram", "Munson Farm", ())[0]


@given(PREFIXES, PREFIXES)
def test_the_distance_is_one(one: str, other: str) -> None:
    """Symmetric, nought only for equals, never more than it was asked to tell."""
    told = distance(one, other, 2)
    assert told == distance(other, one, 2)
    assert (told == 0) is (one == other)
    assert 0 <= told <= 3


@given(st.lists(DOMAINS, max_size=4))
def test_public_mail_providers_are_nobodys_domain(domains: list[str]) -> None:
    """Whose mail lies at a provider of everybody has no domain by it, of the provider's subdomains neither."""
    public = ["gmail.com", "mail.example"]
    assert own_domains([*domains, "gmail.com", "eu.mail.example"], public) == own_domains(domains, public)


@given(st.text(LETTERS, min_size=1, max_size=10), PREFIXES)
def test_users_without_mail_of_their_own_get_the_onmicrosoft_domain(local: str, prefix: str) -> None:
    """A bare name, and one at a public provider (P10); an own address stays."""
    assert account_name(local, prefix, ["own.example"]) == f"{local}@{initial_domain(prefix)}"
    assert account_name(f"{local}@gmail.com", prefix, ["own.example"]) == f"{local}@{initial_domain(prefix)}"
    assert account_name(f" {local.upper()}@own.example ", prefix, ["own.example"]) == f"{local}@own.example"
