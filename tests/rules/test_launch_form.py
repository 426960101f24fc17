"""The launch form: everything wrong is told at once, with its field, clause and way out (N1)."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rules.order import Billing, Term
from rules.refusal import Problem, Refused
from rules.request import MOST_SEATS, LaunchForm, read_form

TODAY = date(2026, 11, 30)

PLAIN: dict[str, Any] = {
    "customer": "Contoso Ltd",
    "ticket": "T20261130.0001",
    "requester": "tom@northgate.example",
    "signer": "ada@contoso.example",
    "product": "Visio Plan 1",
    "seats": 3,
    "quote_line": "VISIO P1 (monthly)",
    "mca_first_name": "Ada",
    "mca_last_name": "Byte",
}


def form(**changes: Any) -> LaunchForm:
    """A form filled in right, with some of it changed."""
    return LaunchForm.model_validate({**PLAIN, **changes})


def problems_of(**changes: Any) -> tuple[Problem, ...]:
    """What is wrong with such a form; nothing for a right one."""
    try:
        read_form(form(**changes), TODAY)
    except Refused as refused:
        return refused.problems
    return ()


def test_a_form_filled_in_right_is_read() -> None:
    """One line, at once, without an end: the commonest case."""
    asked = read_form(form(), TODAY)
    assert [(line.product, line.seats, line.quote_line) for line in asked.lines] == [
        ("Visio Plan 1", 3, "VISIO P1 (monthly)")
    ]
    assert asked.start is None
    assert asked.end is None
    assert asked.form.term is Term.MONTHLY
    assert asked.form.billing_frequency is Billing.MONTHLY


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    ("no customer", {"customer": " "}, "customer", "N1"),
    ("no ticket", {"ticket": ""}, "ticket", "N3"),
    ("no requester", {"requester": "\t"}, "requester", "N1"),
    ("no signer", {"signer": ""}, "signer", "N4"),
    ("a tenant for who has none", {"new_tenant": True, "tenant": "8b9c"}, "tenant", "P3"),
    ("an admin of no tenant", {"new_tenant": True, "tenant_admin": "it@x.example"}, "tenant_admin", "P3"),
    ("an admin without an address", {"tenant_admin": "somebody"}, "tenant_admin", "P8"),
    ("no product", {"product": "  "}, "product", "N1"),
    ("no quote line", {"quote_line": ""}, "quote_line", "P1"),
    ("no seats", {"seats": 0}, "seats", "P4"),
    ("negative seats", {"seats": -3}, "seats", "P4"),
    ("too many seats", {"seats": MOST_SEATS + 1}, "seats", "P4"),
    ("further line of two parts", {"further_lines": "2 | Power BI Pro"}, "further_lines, line 1", "N1"),
    ("further line of four parts", {"further_lines": "2 | Power BI Pro | PBI | x"}, "further_lines, line 1", "N1"),
    ("further line without product", {"further_lines": "2 | | PBI"}, "further_lines, line 1", "N1"),
    ("further line without quote line", {"further_lines": "2 | Power BI Pro |"}, "further_lines, line 1", "N1"),
    ("further seats in words", {"further_lines": "two | Power BI Pro | PBI"}, "further_lines, line 1", "N1"),
    ("further seats negative", {"further_lines": "-2 | Power BI Pro | PBI"}, "further_lines, line 1", "N1"),
    ("further seats half", {"further_lines": "2.5 | Power BI Pro | PBI"}, "further_lines, line 1", "N1"),
    ("further seats none", {"further_lines": "0 | Power BI Pro | PBI"}, "further_lines, line 1", "P4"),
    ("further seats too many", {"further_lines": "100001 | Power BI Pro | PBI"}, "further_lines, line 1", "P4"),
    ("further seats absurd", {"further_lines": "9" * 5000 + " | Power BI Pro | PBI"}, "further_lines, line 1", "N1"),
    (
        "third line wrong",
        {"further_lines": "2 | Power BI Pro | PBI\n\nx | Project | P3"},
        "further_lines, line 3",
        "N1",
    ),
    ("product twice", {"further_lines": "2 | Visio Plan 1 | VISIO P1 (monthly)"}, "product", "N1"),
    ("further product twice", {"further_lines": "2 | A | a\n3 | A | a"}, "further_lines, line 1", "N1"),
    ("start glued to an hour", {"start_date": "2026-12-3109:00"}, "start_date", "N6"),
    ("start with a wrong hour", {"start_date": "2026-12-31T25:00"}, "start_date", "N6"),
    ("start in words", {"start_date": "tomorrow"}, "start_date", "N6"),
    ("start written otherwise", {"start_date": "12/31/2026"}, "start_date", "N6"),
    ("start with a digit too many", {"start_date": "2026-12-311"}, "start_date", "N6"),
    ("start followed by words", {"start_date": "2026-12-31 or later"}, "start_date", "N6"),
    ("start that no month has", {"start_date": "2026-11-31"}, "start_date", "N6"),
    ("start in the past", {"start_date": "2026-11-29"}, "start_date", "N6"),
    ("end in words", {"end_date": "never"}, "end_date", "N7"),
    ("end today", {"end_date": "2026-11-30"}, "end_date", "N7"),
    ("end in the past", {"end_date": "2026-01-01"}, "end_date", "N7"),
    ("end on the start", {"start_date": "2026-12-15", "end_date": "2026-12-15"}, "end_date", "N7"),
    ("end before the start", {"start_date": "2026-12-15", "end_date": "2026-12-14"}, "end_date", "N7"),
    ("annual without a reason", {"term": "1-Year"}, "annual_reason", "P18"),
    ("annual with a blank reason", {"term": "1-Year", "annual_reason": "  "}, "annual_reason", "P18"),
    ("monthly billed annually", {"billing_frequency": "Annual"}, "billing_frequency", "N1"),
    ("nobody accepted (first name)", {"mca_first_name": ""}, "mca_first_name", "P6"),
    ("nobody accepted (last name)", {"mca_last_name": " "}, "mca_last_name", "P6"),
    ("work without a person", {"follow_up_work": "Install Visio"}, "follow_up_person", "P13"),
]


@pytest.mark.parametrize(("changes", "field", "clause"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_refused_by_field_clause_and_way_out(changes: dict[str, Any], field: str, clause: str) -> None:
    """Exactly one problem for one mistake, and it says where, by which clause, and what to do."""
    (problem,) = problems_of(**changes)
    assert (problem.field, problem.clause) == (field, clause)
    assert problem.message
    assert problem.way_out


def test_everything_wrong_is_told_at_once() -> None:
    """Nobody corrects a form ten times."""
    problems = problems_of(
        customer="",
        ticket="",
        requester="",
        signer="",
        product="",
        quote_line="",
        seats=0,
        further_lines="x | Power BI Pro | PBI\n0 | Project Plan 3 | P3",
        start_date="soon",
        end_date="later",
        term="1-Year",
        mca_first_name="",
        mca_last_name="",
        follow_up_work="Install",
    )
    assert {(problem.field, problem.clause) for problem in problems} == {
        ("customer", "N1"),
        ("ticket", "N3"),
        ("requester", "N1"),
        ("signer", "N4"),
        ("product", "N1"),
        ("quote_line", "P1"),
        ("seats", "P4"),
        ("further_lines, line 1", "N1"),
        ("further_lines, line 2", "P4"),
        ("start_date", "N6"),
        ("end_date", "N7"),
        ("annual_reason", "P18"),
        ("mca_first_name", "P6"),
        ("mca_last_name", "P6"),
        ("follow_up_person", "P13"),
    }


SINGLE = [case for case in WRONG if "\n" not in str(case[1]) and len(case[1]) == 1]


@given(st.lists(st.sampled_from(SINGLE), min_size=1, max_size=5, unique_by=lambda case: next(iter(case[1]))))
def test_one_mistake_never_hides_another(cases: list[tuple[str, dict[str, Any], str, str]]) -> None:
    """Several mistakes together are all told, whichever they are."""
    changes: dict[str, Any] = {}
    for case in cases:
        changes |= case[1]
    expected = {(field, clause) for _, _, field, clause in cases}
    if changes.get("term") == "1-Year":
        expected.discard(("billing_frequency", "N1"))
    if "Visio" in changes.get("further_lines", "") and not changes.get("product", "x").strip():
        expected.discard(("product", "N1"))
    assert expected <= {(problem.field, problem.clause) for problem in problems_of(**changes)}


def test_a_refusal_reads_as_a_list() -> None:
    """The run's page shows one line a problem, with clause and way out."""
    with pytest.raises(Refused) as refused:
        read_form(form(customer="", seats=0), TODAY)
    assert str(refused.value).splitlines() == [
        "- customer (N1): is empty. Fill it in.",
        "- seats (P4): 0 seats can't be ordered. Give a whole number from 1 to 100000.",
    ]


def test_every_product_that_stands_twice_is_named() -> None:
    """Two such slips are two problems, each at its first line."""
    problems = problems_of(further_lines="2 | A | a\n1 | Visio Plan 1 | v\n3 | A | a\n4 | A | a")
    assert [problem.field for problem in problems] == ["product", "further_lines, line 1"]


@pytest.mark.parametrize("term", ["3-Year", "Annual", "monthly", "", "1-year"])
def test_other_terms_than_monthly_and_one_year_are_refused(term: str) -> None:
    """Clauses, Words: they can't even be put on the form."""
    with pytest.raises(ValidationError):
        form(term=term)


@pytest.mark.parametrize("seats", ["three", 2.5, None])
def test_seats_are_a_whole_number(seats: object) -> None:
    """Half a seat can't be put on the form."""
    with pytest.raises(ValidationError):
        form(seats=seats)


def test_monthly_is_what_a_form_says_by_itself() -> None:
    """P18: annual is an explicit choice."""
    assert LaunchForm.model_fields["term"].default is Term.MONTHLY
    assert LaunchForm.model_fields["billing_frequency"].default is Billing.MONTHLY


@pytest.mark.parametrize("billing", list(Billing))
def test_annual_with_a_reason_is_read(billing: Billing) -> None:
    """P18: with who asked for it and why, billed either way."""
    asked = read_form(form(term="1-Year", annual_reason="Ada, for the price", billing_frequency=billing), TODAY)
    assert asked.form.term is Term.ANNUAL


def test_a_start_today_is_at_once() -> None:
    """The agreement says 'on signing' then."""
    assert read_form(form(start_date="2026-11-30"), TODAY).start is None


@given(st.integers(1, 400), st.integers(1, 400))
def test_a_later_start_and_an_end_after_it_are_read_as_written(start_in: int, runs_for: int) -> None:
    """Both days as typed, blanks around them not counted."""
    start = TODAY + timedelta(days=start_in)
    end = start + timedelta(days=runs_for)
    asked = read_form(form(start_date=f" {start} ", end_date=f"{end}\n"), TODAY)
    assert (asked.start, asked.end) == (start, end)


@pytest.mark.parametrize(
    "written", ["2026-12-31", "2026-12-31T00:00", "2026-12-31 00:00:00", "2026-12-31T09:30:00+00:00"]
)
def test_a_day_with_an_hour_is_that_day(written: str) -> None:
    """A picker that adds an hour does no harm: the day counts as it is written."""
    assert read_form(form(start_date=written), TODAY).start == date(2026, 12, 31)


def test_further_lines_follow_the_first() -> None:
    """One a line, blank ones skipped, spaces not counted."""
    asked = read_form(form(further_lines="\n 12 |Power BI Pro| PBI \n\n1 | Project Plan 3 | P3\n"), TODAY)
    assert [(line.field, line.seats, line.product, line.quote_line) for line in asked.lines[1:]] == [
        ("further_lines, line 2", 12, "Power BI Pro", "PBI"),
        ("further_lines, line 4", 1, "Project Plan 3", "P3"),
    ]


@given(st.lists(st.integers(1, MOST_SEATS), min_size=0, max_size=6))
def test_any_number_of_seats_within_reason_is_read_as_typed(counts: list[int]) -> None:
    """P4: the seats of every line arrive unchanged."""
    further = "\n".join(f"{count} | Product {number} | Quote {number}" for number, count in enumerate(counts))
    assert [line.seats for line in read_form(form(further_lines=further), TODAY).lines[1:]] == counts


@given(st.text(max_size=60))
def test_no_text_breaks_the_form(text: str) -> None:
    """Whatever is typed anywhere, the form is read or refused with reasons."""
    for field in ("further_lines", "start_date", "end_date", "licence_users", "product", "customer"):
        for problem in problems_of(**{field: text}):
            assert problem.field
            assert problem.clause
            assert problem.way_out


def test_users_are_read_once_each_in_order() -> None:
    """One a line or separated by commas."""
    asked = read_form(form(licence_users="ada@contoso.example, bob@contoso.example\nada@contoso.example"), TODAY)
    assert asked.licence_users == ("ada@contoso.example", "bob@contoso.example")


def test_follow_up_work_with_a_person_is_read() -> None:
    """P13: whoever does it is named; a person without work is fine too."""
    assert problems_of(follow_up_work="Install Visio", follow_up_person="Kim") == ()
    assert problems_of(follow_up_person="Kim") == ()
