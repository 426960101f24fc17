"""The customer's word for one increase: which subscription, before → after, and who read it (S1, S2)."""

from datetime import datetime

from flows.inbox import named_in
from flows.word import Question, the_word
from rules.events import Confirmed, ReplyRead
from rules.people import AuthorisedContact
from rules.seats import (
    HeldSeats,
    SeatRequest,
    SeatsReading,
    chosen_by_sentence,
    judge_seats,
    why_not_enough,
)
from rules.written import Verdict, Written
from tasks import seat_letters
from tasks.case import Case
from tasks.casefile import in_markdown
from tasks.forms import AnswerAgain
from tasks.forms_seats import SeatsForm
from tasks.letters import Letter
from tasks.mail import WhenSent
from tasks.seats import SeatBasis, evidence_since
from tasks.written import read_written

CHANGED = "The number of your seats has changed since you confirmed, so we have to ask you again."
WRITTEN_AGAIN = "You have written to us since you confirmed, so we have to ask you again."


class Increase(Question):
    """So many seats more, of one of these subscriptions."""

    def __init__(self, request: SeatRequest, choices: tuple[HeldSeats, ...], round_: int, why: str) -> None:
        self.request = request
        self.why = why
        self.offer = request.offer(round_, choices)
        what = f"Confirm {self.offer.what} in writing"
        super().__init__("seats", round_, what, seat_letters.contact_of(request), SeatsForm)
        if len(choices) > 1:
            self.choices = {"subscription": tuple(self.offer.name(one) for one in choices)}

    def letter(self, case: Case) -> Letter:
        return seat_letters.question(case, self.request, self.offer, self.why)

    def asked(self, sent: WhenSent, again: str) -> None:
        mail = {"sent_at": sent.at, "conversation_id": sent.conversation_id, "also_in": (again,) if again else ()}
        self.offer = self.offer.model_copy(update=mail)

    def judge(self, written: Written, rights: tuple[AuthorisedContact, ...], since: datetime) -> tuple[Verdict, str]:
        return judge_seats(written, self.offer, rights, since)

    def check(self, written: Written, event: ReplyRead) -> None:
        why_not = why_not_enough(written, self.offer, self.named(event).subscription_id)
        if why_not is not None:
            raise AnswerAgain(f"evidence: {why_not}.")

    def named(self, event: ReplyRead) -> HeldSeats:
        """The subscription that the message names, as its reader says. Raises `AnswerAgain` where that is none (S2)."""
        if len(self.offer.choices) == 1:
            return self.offer.choices[0]
        found = next((one for one in self.offer.choices if self.offer.name(one) == event.changes), None)
        if found is None:
            raise AnswerAgain(
                "subscription: choose the one that the message itself names, or have the contact asked (S2)."
            )
        return found

    def explain(self) -> str:
        request, lines = self.request, []
        for one in self.offer.choices:
            lines.append(f"- **{self.offer.change(one)}**: {in_markdown(one.in_words(request.currency))}")
        lines += ["", f"Unassigned seats: {in_markdown(request.unassigned)}."]
        if self.offer.sent_at is not None:
            lines.append("Counts by itself: a reply whose first line is one of the sentences of our mail.")
        else:
            lines.append(
                "A message must say before → after itself. One bare number, or not which: ask the contact (S1)."
            )
        return "\n".join(lines)


async def confirmed_increase(
    case: Case, request: SeatRequest, choices: tuple[HeldSeats, ...], round_: int, why: str
) -> SeatBasis:
    """Wait for the customer's word for these very seats; kept once it has come (S1, S2). Ends without one.

    `why`: why they are asked again.
    """
    question = Increase(request, choices, round_, why)
    event = await the_word(case, request, question, evidence_since(), ask_at_once=round_ > 1)
    kept = case.journal.get(f"basis-{round_}")
    if kept is None:
        basis = await basis_of(case, request, question, event)
        kept = await case.journal.put(f"basis-{round_}", basis.model_dump(mode="json"))
    basis = SeatBasis.model_validate(kept)
    by = basis.reading.by if basis.reading is not None else ""
    said = (
        f"{basis.offer.change(basis.choice)} × {request.product_name} ({basis.choice.label}) is confirmed in writing."
    )
    await case.record(
        f"confirmed {round_}",
        said + (f" Read in full by {by}." if by else ""),
        by=event.sender if isinstance(event, Confirmed) else by,
        public=True,
    )
    return basis


async def basis_of(case: Case, request: SeatRequest, question: Increase, event: Confirmed | ReplyRead) -> SeatBasis:
    """The word as the authority of the change, with the reading of whoever read it."""
    name, digest = (event.evidence, "") if isinstance(event, Confirmed) else named_in(event.evidence)
    written = await read_written(name, request)
    if not written.text_digest.startswith(digest):
        raise RuntimeError(f"{name} has been changed since it was read: a person must look")
    if isinstance(event, Confirmed):
        choice = chosen_by_sentence(written, question.offer)
        if choice is None:
            raise RuntimeError(f"{name} doesn't begin with the sentence any more: a person must look")
        return SeatBasis(evidence=name, authority_id=written.authority_id, offer=question.offer, choice=choice)
    choice = question.named(event)
    reading = SeatsReading(
        by=event.by,
        at=case.now(),
        written_id=written.authority_id,
        text_digest=written.text_digest,
        subscription_id=choice.subscription_id,
        before=choice.seats,
        after=question.offer.after(choice),
    )
    return SeatBasis(
        evidence=name, authority_id=written.authority_id, offer=question.offer, choice=choice, reading=reading
    )
