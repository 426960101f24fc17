"""The owner's settings, as far as the rules decide by them (clauses, Roles; N4)."""

from typing import Any

import pytest
from pydantic import ValidationError

from rules.order import Term
from rules.people import Person
from rules.settings import Settings, Templates

SAM = Person(name="Sam Adeyemi", email="sam@northgate.example")
KIM = Person(name="Kim Lund", email="kim@northgate.example")


def settings(**parts: Any) -> Settings:
    """Settings of which only these parts are looked at."""
    return Settings.model_construct(**parts)


@pytest.mark.parametrize(
    ("requester", "senior"),
    [("tom@northgate.example", SAM), ("sam@northgate.example", KIM), (" Sam@Northgate.example", KIM)],
)
def test_the_second_person_is_never_the_requester(requester: str, senior: Person) -> None:
    """The first of the list who isn't, whatever the case of the address."""
    assert settings(senior_staff=(SAM, KIM)).senior_for(requester) == senior


@pytest.mark.parametrize("staff", [(), (SAM,)])
def test_without_a_second_person_nothing_starts(staff: tuple[Person, ...]) -> None:
    """Told as what it is, not filled up with the requester."""
    with pytest.raises(ValueError, match="no senior colleague"):
        settings(senior_staff=staff).senior_for("sam@northgate.example")


def test_each_term_has_its_own_template() -> None:
    """N4: the agreement is made from the term's template."""
    templates = Templates(monthly="t-m", annual="t-a", rows=4, client_role="Client signer", msp_role="MSP signer")
    of = settings(templates=templates)
    assert [of.template_for(term.value) for term in (Term.MONTHLY, Term.ANNUAL)] == ["t-m", "t-a"]


def test_settings_have_no_quiet_defaults_for_people() -> None:
    """People are configuration: whoever is left out is asked for."""
    with pytest.raises(ValidationError) as missing:
        Settings.model_validate({})
    named = {error["loc"][0] for error in missing.value.errors()}
    assert {"contracts", "pricing", "billing", "senior_staff", "msp_signer", "calendar", "product_map"} <= named
