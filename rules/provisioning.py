"""Answers to Pax8's provisioning questions: each from the settings or the request, none guessed (P6, pax8.md §5)."""

import re
from collections.abc import Mapping, Sequence

from rules.order import Frozen, ProvisioningAnswer
from rules.refusal import Problem

LEAVE_OUT = "(leave out)"
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


class Question(Frozen):
    """One question as Pax8 asks it. With `possible_values`, only one of exactly those sentences counts."""

    key: str
    label: str = ""
    choose: bool = False
    possible_values: tuple[str, ...] = ()


class AnswerBook(Frozen):
    """How the MSP answers each question: by key, with `{placeholders}` for what only the request knows."""

    answers: dict[str, tuple[str, ...]]

    @classmethod
    def parse(cls, text: str) -> "AnswerBook":
        """Read one answer a line, `key = answer`; a key on several lines has several values; `#` is a remark.

        `(leave out)` says that a question is deliberately not answered. Raises ValueError with the line's number.
        """
        answers: dict[str, tuple[str, ...]] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            key, separator, value = line.partition("=")
            if not separator or not key.strip() or not value.strip():
                raise ValueError(f"provisioning answers, line {number}: write 'key = answer'")
            values = (*answers.get(key.strip(), ()), value.strip())
            if LEAVE_OUT in values and len(values) > 1:
                raise ValueError(f"provisioning answers, line {number}: '{key.strip()}' is left out and answered")
            answers[key.strip()] = values
        return cls(answers=answers)

    def answer(
        self, field: str, product: str, questions: Sequence[Question], facts: Mapping[str, str]
    ) -> tuple[tuple[ProvisioningAnswer, ...], tuple[Problem, ...]]:
        """The answers for one product, and a problem for each question that can't be answered for certain."""
        given: list[ProvisioningAnswer] = []
        problems: list[Problem] = []
        for question in questions:
            texts = self.answers.get(question.key)
            if texts == (LEAVE_OUT,):
                continue
            if texts is None:
                problems.append(_problem(field, product, question, "the settings hold no answer to it."))
                continue
            try:
                values = tuple(_filled(text, facts) for text in texts)
            except ValueError as why:
                problems.append(_problem(field, product, question, str(why)))
                continue
            bound = question.choose or question.possible_values
            stray = [v for v in values if bound and v not in question.possible_values]
            if stray:
                problems.append(
                    _problem(
                        field,
                        product,
                        question,
                        f"'{stray[0]}' is not among the sentences it takes: {' / '.join(question.possible_values)}.",
                    )
                )
                continue
            given.append(ProvisioningAnswer(key=question.key, values=values))
        return tuple(given), tuple(problems)


def _filled(text: str, facts: Mapping[str, str]) -> str:
    """An answer with its placeholders filled in; an empty fact is as unknown as a missing one. Raises ValueError."""
    if set("{}") & set(_PLACEHOLDER.sub("", text)):
        raise ValueError(f"its answer '{text}' has a broken placeholder.")
    for name in _PLACEHOLDER.findall(text):
        if not facts.get(name):
            raise ValueError(f"its answer needs '{name}', which this request doesn't give.")
    return _PLACEHOLDER.sub(lambda found: facts[found[1]], text)


def _problem(field: str, product: str, question: Question, why: str) -> Problem:
    name = f"'{question.key}'" + (f" ({question.label})" if question.label else "")
    return Problem(
        field=field,
        clause="P6" if question.key.startswith("mca") else "P1",
        message=f"Pax8 asks {name} for {product}, and {why}",
        way_out="Put the answer, word for word, into 'provisioning_answers' of the settings block.",
    )
