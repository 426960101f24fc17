"""Provisioning answers: word for word from the settings, none guessed (P6, pax8.md §5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.order import ProvisioningAnswer
from rules.provisioning import LEAVE_OUT, AnswerBook, Question
from rules.refusal import Problem

EXISTS = "The customer has an existing Microsoft account"
NEW = "The customer does not have a Microsoft account"
TEXT = f"""
# answers to Pax8
msCustExists = {EXISTS}
msTenantId = {{tenant_id}}
mca2020FirstName = {{mca_first_name}}
mca2020EffectiveDate = {{order_day}}
mca2020Email = (leave out)
regions = North
regions = South
formula = a = b
"""
BOOK = AnswerBook.parse(TEXT)
FACTS = {"tenant_id": "1111-2222", "mca_first_name": "Ada", "order_day": "2026-11-30"}


def answer(
    *questions: Question, facts: dict[str, str] | None = None
) -> tuple[tuple[ProvisioningAnswer, ...], tuple[Problem, ...]]:
    """What the book answers for Visio Plan 1."""
    return BOOK.answer("product", "Visio Plan 1", questions, FACTS if facts is None else facts)


def refused(*questions: Question, facts: dict[str, str] | None = None) -> Problem:
    """The one problem, and no answer beside it."""
    given_answers, problems = answer(*questions, facts=facts)
    assert given_answers == ()
    (problem,) = problems
    assert problem.field == "product"
    assert "Visio Plan 1" in problem.message
    assert "provisioning_answers" in problem.way_out
    return problem


def test_every_question_with_an_answer_is_answered() -> None:
    """Sentences word for word, placeholders filled in from the request."""
    given_answers, problems = answer(
        Question(key="msCustExists", choose=True, possible_values=(EXISTS, NEW)),
        Question(key="msTenantId"),
        Question(key="mca2020FirstName"),
        Question(key="mca2020EffectiveDate"),
    )
    assert problems == ()
    assert [(one.key, one.values) for one in given_answers] == [
        ("msCustExists", (EXISTS,)),
        ("msTenantId", ("1111-2222",)),
        ("mca2020FirstName", ("Ada",)),
        ("mca2020EffectiveDate", ("2026-11-30",)),
    ]


def test_a_question_without_an_answer_is_refused_by_name() -> None:
    """A new question of Pax8's stops the launch, with its key and its words; it is never left blank."""
    problem = refused(Question(key="microsoftIncludeOverage", label="Include overage?"))
    assert "'microsoftIncludeOverage' (Include overage?)" in problem.message
    assert problem.clause == "P1"


def test_a_question_about_the_acceptance_belongs_to_p6() -> None:
    """Who accepted Microsoft's agreement is P6, whatever Pax8 calls it."""
    assert refused(Question(key="mca2027Witness")).clause == "P6"


@pytest.mark.parametrize(
    "sentences",
    [(NEW,), (EXISTS + ".",), (EXISTS.lower(),), (f" {EXISTS}",), ()],
    ids=["another", "with a stop", "lower case", "with a blank", "none at all"],
)
def test_a_sentence_that_pax8_does_not_offer_is_refused(sentences: tuple[str, ...]) -> None:
    """One of exactly Pax8's sentences, or nothing goes out."""
    problem = refused(Question(key="msCustExists", choose=True, possible_values=sentences))
    assert f"'{EXISTS}'" in problem.message


def test_offered_sentences_bind_even_where_pax8_does_not_say_choose() -> None:
    """With possible values, only one of exactly those counts."""
    refused(Question(key="msCustExists", choose=False, possible_values=(NEW,)))


def test_an_answer_that_needs_an_unknown_fact_is_refused_by_name() -> None:
    """Missing and empty are the same: unknown."""
    assert "'tenant_id'" in refused(Question(key="msTenantId"), facts={}).message
    assert "'tenant_id'" in refused(Question(key="msTenantId"), facts={"tenant_id": ""}).message


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{0}",
        "{tenant_id",
        "tenant_id}",
        "{{tenant_id}}",
        "{tenant_id.real}",
        "{tenant_id[0]}",
        "{tenant_id!x}",
        "{tenant_id:>40}",
    ],
)
def test_an_answer_with_a_broken_placeholder_is_refused(text: str) -> None:
    """A slip in the settings is a problem told at launch, never a crash or a half-filled answer."""
    given_answers, problems = AnswerBook(answers={"key": (text,)}).answer(
        "product", "Visio Plan 1", [Question(key="key")], FACTS
    )
    assert given_answers == ()
    assert len(problems) == 1


def test_a_fact_is_never_read_as_a_placeholder() -> None:
    """What the request says goes out as it is, braces and all."""
    given_answers, problems = answer(Question(key="msTenantId"), facts={"tenant_id": "{mca_first_name}"})
    assert problems == ()
    assert given_answers[0].values == ("{mca_first_name}",)


def test_leave_out_leaves_out() -> None:
    """A question that is deliberately not answered is neither answered nor refused."""
    assert answer(Question(key="mca2020Email")) == ((), ())


def test_a_key_on_several_lines_has_several_values() -> None:
    """In the order of the settings; each must be offered."""
    given_answers, problems = answer(Question(key="regions", choose=True, possible_values=("South", "North")))
    assert problems == ()
    assert given_answers[0].values == ("North", "South")
    assert "'South'" in refused(Question(key="regions", choose=True, possible_values=("North", "West"))).message


def test_an_answer_may_hold_a_sign_of_equality() -> None:
    """Only the first one divides key and answer."""
    assert BOOK.answers["formula"] == ("a = b",)


@pytest.mark.parametrize("line", ["msTenantId", "= value", "msTenantId =", "msTenantId =  "])
def test_a_line_that_cannot_be_read_is_named_by_number(line: str) -> None:
    """Remarks and blank lines count."""
    with pytest.raises(ValueError, match="line 3: write 'key = answer'"):
        AnswerBook.parse(f"# remark\n\n{line}\n")


@pytest.mark.parametrize("text", [f"key = {LEAVE_OUT}\nkey = value", f"key = value\nkey = {LEAVE_OUT}"])
def test_an_answer_that_is_also_left_out_is_refused(text: str) -> None:
    """Left out and answered at once: nobody knows what was meant, and '(leave out)' itself never goes to Pax8."""
    with pytest.raises(ValueError, match=r"line 2.*key"):
        AnswerBook.parse(text)


def test_all_problems_of_a_product_are_told_at_once() -> None:
    """Good answers don't hide the missing ones."""
    given_answers, problems = answer(
        Question(key="unknownOne"),
        Question(key="mca2020FirstName"),
        Question(key="unknownTwo"),
        Question(key="msCustExists", choose=True, possible_values=(NEW,)),
    )
    assert [one.key for one in given_answers] == ["mca2020FirstName"]
    assert len(problems) == 3


keys = st.sampled_from(["one", "two", "three", "four"])
questions = st.lists(
    st.builds(
        Question,
        key=keys,
        choose=st.booleans(),
        possible_values=st.lists(st.sampled_from(["yes", "no", "Ada"]), max_size=3, unique=True).map(tuple),
    ),
    max_size=4,
    unique_by=lambda question: question.key,
)
books = st.dictionaries(
    keys,
    st.lists(st.sampled_from(["yes", "no", "maybe", "{name}", "{gone}"]), min_size=1, max_size=2).map(tuple)
    | st.just((LEAVE_OUT,)),
)


@given(books, questions)
def test_each_question_is_answered_refused_or_left_out_on_purpose(
    answers: dict[str, tuple[str, ...]], asked: list[Question]
) -> None:
    """No question is forgotten, and no answer is made up: every value comes from the book or the facts."""
    given_answers, problems = AnswerBook(answers=answers).answer("product", "Visio", asked, {"name": "Ada"})
    left_out = [question for question in asked if answers.get(question.key) == (LEAVE_OUT,)]
    assert len(given_answers) + len(problems) + len(left_out) == len(asked)
    offered = {question.key: question for question in asked}
    for one in given_answers:
        assert one.values == tuple(text.replace("{name}", "Ada") for text in answers[one.key])
        if offered[one.key].choose:
            assert set(one.values) <= set(offered[one.key].possible_values)
        assert LEAVE_OUT not in one.values
        assert not any("{" in value for value in one.values)
