"""The agreement of a bridge, which goes its own way while something else is waited for (B1, N3, N4).

A run has one form at a time. So every wait of a bridge also offers contracts what it may do to the draft, and each
look brings the agreement as far as contracts allows.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, get_args

from pydantic import Field, create_model

from flows import agreement
from rules.agreement import price_text
from rules.events import Corrected, DeadlinePassed, Event, RefusedBy, Released, ReleaseTakenBack, Signed, Withdrawn
from rules.people import same_address
from rules.request import UnreadableAnswer, read_prices
from rules.settings import Release
from tasks import agreements
from tasks.agreements import DraftedEnvelope
from tasks.bridges import Bridge, dates_now
from tasks.case import Case
from tasks.casefile import in_markdown
from tasks.decision import Verdict, verdict_of
from tasks.forms import AnswerAgain, LookForm, PaperForm, WaitForm
from tasks.letters import Letter
from tasks.office import office
from tasks.waiting import Look, Wait, ask_the_awaited


def beside_the_paper(form: type[WaitForm]) -> type[WaitForm]:
    """A form that also offers contracts to release and to correct the draft. Refusing it is withdrawing here."""
    own = get_args(form.model_fields["action"].annotation)
    actions = (*own, "release the agreement", "correct the draft", "take back the release")
    known = form.model_fields["action"]
    action: Any = (Literal[actions], Field(description=known.description, json_schema_extra=known.json_schema_extra))
    return create_model(form.__name__, __base__=(PaperForm, form), action=action)


def event_by(event: Event) -> str:
    """Who is said to have decided."""
    return str(getattr(event, "by", ""))


class Meanwhile:
    """One edition of a bridge's agreement: what contracts said of it so far, and whether it is out."""

    def __init__(self, case: Case, envelope: DraftedEnvelope) -> None:
        self.case = case
        self.envelope = envelope
        self.edition = case.request.edition

    @classmethod
    async def draft(cls, case: Case) -> "Meanwhile":
        """Draft this edition, or find it; contracts' corrections of its prices are gone through again."""
        envelope = await agreement.draft(case)
        self = cls(case, envelope)
        for number, said in enumerate(self._said(), start=1):
            if said["kind"] == "corrected":
                await self._correct(said["prices"], said["by"], number)
        return self

    async def take_back(self, why: str) -> Signed | None:
        """Void this edition, for another one takes its place; signed faster it binds, and is returned (I3).

        As long as DocuSign doesn't show it over, the run is put off, and another edition isn't drafted. An unsent draft
        is contracts' to delete. Raises `StillOpen`.
        """
        case, envelope_id = self.case, self.envelope.envelope_id
        try:
            gone = await agreements.void_agreement(envelope_id, why, replaced=True, unsent=not self.is_out)
        except agreements.StillADraft:
            await case.send(self._to_be_deleted(why))
            raise
        if gone.status != "completed":
            return None
        seen = await agreements.look_at_envelope(case, envelope_id, hinted=False, at_once=True)
        return seen if isinstance(seen, Signed) else None

    async def take_back_in_time(self, why: str, bought: Bridge) -> Signed | DeadlinePassed | None:
        """As `take_back`, for a bridge under way: where it was put off past the cut-off, no other edition follows (B7).

        The deadline's run has found the bridge unsigned then, or is about to.
        """
        signed = await self.take_back(why)
        if signed is not None:
            return signed
        case, key = self.case, f"taken-back-too-late-{self.edition}"
        kept = case.journal.get(key)
        if kept is None:
            followed = sum(1 for tag in case.tags if tag.startswith(agreements.TAG)) > self.edition
            if followed or (
                case.now() < (await dates_now(bought)).cut_off
                and await verdict_of(bought.ids.reference, bought.ids.reminder_id) is not Verdict.UNSIGNED
            ):
                return None
            kept = await case.journal.put(key, case.now().isoformat())
        return DeadlinePassed(at=datetime.fromisoformat(str(kept)))

    @property
    def is_out(self) -> bool:
        """Whether the customer has it."""
        return self.case.journal.get(self._key("sent")) is not None

    @property
    def sent_at(self) -> datetime | None:
        at = self.case.journal.get(self._key("sent"))
        return datetime.fromisoformat(at) if at is not None else None

    @property
    def due(self) -> datetime | None:
        """When it goes out by itself, released as it is; None while nothing is due."""
        last = self._last()
        if self.is_out or last is None or last["kind"] != "released":
            return None
        return datetime.fromisoformat(last["at"]) + office().settings.objection

    def explain(self) -> str:
        """Where it stands, above the form."""
        settings = office().settings
        link = self.case.links["Agreement in DocuSign"]
        if self.is_out:
            return f"The agreement is [with the customer]({link})."
        due = self.due
        if due is not None:
            return f"The agreement was released; it goes out {settings.calendar.in_words(due)}."
        rows = [
            f"The agreement is [a draft]({link}). {in_markdown(settings.contracts.name)} (contracts) may release, "
            "correct or refuse it here:",
            "",
            "| licences | price |",
            "| :-- | :-- |",
            *(f"| {what} | {price} |" for what, price in agreements.prices_in_words(self.case.request.terms)),
        ]
        last = self._last()
        if last is not None and last["kind"] == "differs":
            rows += ["", "**It was not sent: the draft no longer says what was asked for:**"]
            rows += [f"- {in_markdown(one)}" for one in last["differences"]]
        return "\n".join(rows)

    async def check(self, event: Event) -> None:
        """Only contracts, or senior staff, may release, correct or refuse. Raises `AnswerAgain`."""
        if not isinstance(event, Released | Corrected | RefusedBy | ReleaseTakenBack):
            return
        settings = office().settings
        allowed = (settings.contracts, *settings.senior_staff)
        if not isinstance(event, ReleaseTakenBack) and not any(same_address(p.email, event.by) for p in allowed):
            raise AnswerAgain(f"decided_by: {event.by} may not decide about the agreement; contracts may.")
        if self.is_out and not isinstance(event, RefusedBy):
            raise AnswerAgain("the agreement is out already; what was sent can only be voided in DocuSign.")
        if isinstance(event, Corrected):
            try:
                read_prices(event.prices, tuple(line.product_name for line in self.case.request.lines), False)
            except UnreadableAnswer as unreadable:
                raise AnswerAgain(str(unreadable)) from None

    async def aside(self, event: Event, occasion: str) -> bool:
        """Take what contracts says of the draft; True if it was about that."""
        match event:
            case Released(by=by):
                await self._put("released", occasion, by=by)
            case ReleaseTakenBack(by=by):
                await self._put("taken back", occasion, by=by)
            case Corrected(by=by, prices=prices):
                number = await self._put("corrected", occasion, by=by, prices=prices)
                await self._correct(prices, by, number)
            case _:
                return False
        return True

    def beside(self, wait: Wait) -> tuple[Wait, Look]:
        """A wait for something else before the bridge's order, with the agreement going its own way beside it (B1).

        Contracts may release and correct in its form. A signature is told at once; the wait goes on, for the order
        under the agreement needs the same answer. A dead agreement ends it: the look returns what became of it.
        """
        settings, may_decide, checked = office().settings, wait.may_decide, wait.check
        moments: list[datetime] = []

        async def look(hinted: bool) -> Event | None:
            nonlocal moments
            moments = []
            if self.case.journal.get(self._key("signed")) is not None:
                return None
            await self.go_on()
            seen = await agreements.look_at_envelope(self.case, self.envelope.envelope_id, hinted)
            if isinstance(seen, Signed):
                await self.tell_signed(seen)
                await self.case.journal.put(self._key("signed"), seen.at.isoformat())
                return None
            _, turn = await self.press_contracts()
            moments = [moment for moment in (turn, self.due) if moment is not None]
            return seen

        def as_found(waiting: Wait) -> Wait:
            signed = "The agreement is signed by now: no bridge is ordered, but the order under it needs this too."
            paper = signed if self.was_signed_beside else self.explain()
            until = min([*moments, *([waiting.until] if waiting.until else [])], default=None)
            return replace(waiting, explain="\n\n".join([waiting.explain, paper]), until=until)

        async def check(event: Event) -> None:
            if isinstance(event, Released | Corrected | ReleaseTakenBack):
                if self.was_signed_beside:
                    raise AnswerAgain("the agreement is signed already.")
                await self.check(event)
                return
            allowed = (*may_decide, *settings.senior_staff)
            others = may_decide and not isinstance(event, Withdrawn)
            if others and not any(same_address(one.email, event_by(event)) for one in allowed):
                names = ", ".join(person.email for person in allowed)
                raise AnswerAgain(f"decided_by: {event_by(event)} may not decide this; {names} may.")
            if checked is not None:
                await checked(event)

        with_paper = replace(
            wait,
            form=beside_the_paper(wait.form),
            may_decide=(*may_decide, settings.contracts) if may_decide else (),
            tags=(*wait.tags, agreements.AWAITED),
            check=check,
            aside=self.aside,
            after_look=as_found,
        )
        return with_paper, look

    @property
    def was_signed_beside(self) -> bool:
        """Whether the signature was seen while something else was waited for."""
        return self.case.journal.get(self._key("signed")) is not None

    async def tell_signed(self, signed: Signed) -> None:
        """The ticket says, once, that the agreement was completed before a bridge was ordered (B1)."""
        await self.case.record(
            "agreement signed",
            f"DocuSign says completed, {office().settings.calendar.in_words(signed.at)}, before a bridge was ordered: "
            "it needs none.",
            by="DocuSign",
            link=self.case.links["Agreement in DocuSign"],
            public=True,
        )

    async def go_on(self) -> None:
        """Send the agreement as soon as it may go out; never one that says something else than was asked for."""
        if self.is_out:
            return
        case = self.case
        if self.envelope.by_hand and await agreements.is_out(self.envelope.envelope_id):
            await self._sent(None)
            return
        directly = office().settings.release is Release.DIRECT
        due = self.due
        if not directly and (due is None or case.now() < due):
            return
        round_ = self.edition * 1000 + len(self._said())
        differences = await agreements.compare_draft(self.envelope.envelope_id, case.request, round_)
        if differences:
            await self._put("differs", f"differs-{round_}", differences=list(differences))
            return
        last = self._last()
        await self._sent("the settings" if directly or last is None else last["by"])

    async def press_contracts(self) -> tuple[str, datetime | None]:
        """Ask contracts for the release, again after its patience, then the senior colleague; who is awaited by now,
        and when that changes. Empty when contracts isn't awaited (B1, N3)."""
        last, case, settings = self._last(), self.case, office().settings
        if settings.release is Release.DIRECT:
            await case.send(self._sent_directly())
        if self.is_out or self.due is not None or settings.release is Release.DIRECT:
            return "", None
        round_ = len([one for one in self._said() if one["kind"] in ("differs", "taken back")]) + 1
        name = f"release-{self.edition}-{round_}"
        since = datetime.fromisoformat(await case.journal.put(f"since-{name}", case.now().isoformat()))
        bridge = case.request.bridge
        why = f"The customer needs it by {bridge.needed_by}: {bridge.reason} " if bridge is not None else ""
        wait = Wait(
            name=name,
            awaited=settings.contracts,
            what=f"Release the agreement for {case.request.what}",
            form=LookForm,
            letter=Letter(
                kind=f"agreement-drafted-{name}",
                to=(settings.contracts,),
                subject=f"{case.title}: a bridge is asked for; agreement drafted, please release",
                todo="Look at the draft and release, correct or refuse it soon: open the run, press Resume.",
                facts=(*case.facts, *agreements.prices_in_words(case.request.terms)),
                paragraphs=(
                    f"{why}If it is signed before the bridge is ordered, no bridge is needed.",
                    f"The draft: {case.links['Agreement in DocuSign']}",
                    *(f"Not sent: {one}" for one in (last or {}).get("differences", [])),
                ),
                otherwise="Until you release it the customer gets nothing to sign; a bridge that was bought meanwhile "
                "ends with its month.",
                link=case.run_link,
                link_text="Release the agreement",
                from_person=case.requester,
            ),
        )
        person, until = await ask_the_awaited(case, wait, since, case.now())
        return person.name, until

    def _sent_directly(self) -> Letter:
        """B1, N3 with the setting "sent directly": contracts is told at once, with the draft."""
        case, bridge = self.case, self.case.request.bridge
        return Letter(
            kind=f"bridge-asked-{self.edition}",
            to=(office().settings.contracts,),
            subject=f"{case.title}: a bridge is asked for; the agreement goes out directly",
            todo="There is nothing to do: agreements go out directly by the settings.",
            facts=(*case.facts, *agreements.prices_in_words(case.request.terms)),
            paragraphs=(f"The customer needs it by {bridge.needed_by}: {bridge.reason}",) if bridge is not None else (),
            link=case.links["Agreement in DocuSign"],
            link_text="Open the agreement",
            from_person=case.requester,
        )

    def _to_be_deleted(self, why: str) -> Letter:
        """A draft that another agreement replaces: DocuSign voids only what was sent (docusign.md §7)."""
        case, settings = self.case, office().settings
        return Letter(
            kind=f"delete-draft-{self.edition}",
            to=(settings.contracts,),
            cc=(case.requester,),
            subject=f"{case.title}: please delete the draft, another agreement takes its place",
            todo="Delete this draft in DocuSign. It was not sent yet, and only you can take it out of the way.",
            facts=(("Why", why), ("Draft", self.envelope.envelope_id)),
            otherwise="Until it is gone, the other agreement is not drafted: two papers could be signed. The procedure "
            "looks again by itself.",
            link=case.links["Agreement in DocuSign"],
            link_text="Open the draft",
            from_person=case.requester,
        )

    # What was said of this edition, in order

    def _key(self, name: str) -> str:
        return f"paper-{self.edition}-{name}"

    def _said(self) -> list[dict[str, Any]]:
        entries = self.case.journal.starting(self._key("said-"))
        return [entries[key] for key in sorted(entries)]

    def _last(self) -> dict[str, Any] | None:
        said = self._said()
        return said[-1] if said else None

    async def _put(self, kind: str, occasion: str, **what: Any) -> int:
        said = self._said()
        known = next((n for n, one in enumerate(said, start=1) if one["occasion"] == occasion), None)
        if known is not None:
            return known
        number = len(said) + 1
        entry = {"kind": kind, "occasion": occasion, "at": self.case.now().isoformat(), **what}
        await self.case.journal.put(self._key(f"said-{number:03d}"), entry)
        by = str(what.get("by", ""))
        text = {
            "released": "Contracts released the agreement.",
            "taken back": "The release was taken back.",
            "differs": "Not sent: the draft no longer says what was asked for.",
        }.get(kind)
        if text:
            await self.case.record(f"agreement {self.edition} {kind} {number}", text, by=by)
        return number

    async def _correct(self, prices: str, by: str, number: int) -> None:
        case = self.case
        figures = read_prices(prices, tuple(line.product_name for line in case.request.lines), False)
        case.request = case.request.with_prices(figures, by)
        await agreements.correct_draft(self.envelope.envelope_id, case.request, self.edition * 1000 + number)
        words = "; ".join(f"{name}: {price_text(price)}" for name, price in figures.items())
        await case.record(f"prices corrected {self.edition} {number}", f"Prices on the draft: {words}", by=by)

    async def _sent(self, by: str | None) -> None:
        sent_at = await agreement.send(self.case, self.envelope, by or "")
        await self.case.journal.put(self._key("sent"), sent_at.isoformat())
