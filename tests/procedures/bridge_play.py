"""Everything that can happen to bridges: people, vendors, time, crashes. After each act the ledger is read.

Nobody here knows what should come of an act: that is the ledger's business (`ledger.py`).
"""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

import httpx
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed, Scheduled

import vendors.http
from tasks.bridges import DATES, Bridge
from tests.procedures.harness import Bench, Sandbox, is_due
from tests.procedures.ledger import Bought, Ledger, Meant
from tests.procedures.people import WEBHOOK, mails, settings
from tests.procedures.requests import ADA, FRIDA, MATTHEW, ROBERTA, TOM, ask, bridge

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SLACK = timedelta(minutes=20)
"""How long after its moment a run may wait: the net comes every 15 minutes."""
LONGEST_OUTAGE = timedelta(days=3)
"""Of everything at once: server, worker and net. From a cut-off to the end of its month it is a week."""
LEAST_JUMP = timedelta(hours=20)
"""What lies closer together is played in one go at an example's end: it saves a third of the looks."""
MOST_TORN_ROUNDS = 5
MOST_LOOKS = 90
FABRIKAM = {
    "customer": "Fabrikam Inc",
    "ticket": "T20261119.0004",
    "confirmer": FRIDA,
    "mca_first_name": "Frida",
    "mca_last_name": "Novak",
}
CASES: tuple[dict[str, Any], ...] = ({}, {**FABRIKAM, **ask("Power BI Pro"), "seats": 2}, ask("Power BI Pro"))
"""Contoso wants Visio, Fabrikam wants Power BI, and Contoso wants Power BI too."""
PEOPLE = {"Contoso Ltd": ADA, "Fabrikam Inc": FRIDA}
ANNUAL = {"term": "1-Year", "annual_reason": "The customer asked for it."}


class Killed(BaseException):
    """The process of a segment dies here: nothing of ours catches it, and Prefect finds a crash."""


class MortalBench(Bench):
    """A bench whose segments can be killed after so many calls to vendors; the net finds what is left."""

    calls_to_live: int | None = None

    async def run_once(self, run_id: UUID) -> None:
        """Call the run's flow; a killed one is Crashed, as Prefect says of a process that is gone."""
        with suppress(Killed):
            await super().run_once(run_id)
            return
        async with self.prefect() as client:
            if not (await self.state(run_id)).is_crashed():
                gone: Any = Crashed(message="killed by a test")
                await client.set_flow_run_state(run_id, gone)

    async def reconcile(self) -> State[Any]:
        """A round that met a vendor's fault ends as Failed and is followed by another one, as by its schedule."""
        for _ in range(MOST_TORN_ROUNDS):
            state = await self.play(await self.start("reconcile"))
            if state.is_completed() or "not looked at" not in (state.message or ""):
                break
        assert state.is_completed(), f"reconcile: {state.name}: {state.message}"
        await self.play_all()
        return state

    async def count(self, _request: httpx.Request, response: httpx.Response | None) -> None:
        """Called after each call to a vendor: the last one that a segment was given ends it."""
        context = FlowRunContext.get()
        if response is None or self.calls_to_live is None or context is None or context.flow is None:
            return
        if context.flow.name == "reconcile":
            return
        self.calls_to_live -= 1
        if self.calls_to_live <= 0:
            self.calls_to_live = None
            raise Killed


@dataclass
class Played:
    """One bridge of the play. `what`: seats and product as asked for at first."""

    run: UUID
    reference: str
    customer: str
    product: str
    term: str
    round: int = 1
    waits: str = ""
    written: list[str] = field(default_factory=list)
    is_gone: bool = False

    @property
    def contact(self) -> str:
        return PEOPLE[self.customer]


class Play:
    """One world, from its first bridge to the day when all of them are over."""

    def __init__(self, bench: MortalBench) -> None:
        self.bench = bench
        self.sandbox = bench.sandbox
        self.bridges: list[Played] = []
        self.meant = Meant()
        self.steps = 0
        self._left = AsyncExitStack()

    @classmethod
    @asynccontextmanager
    async def opened(cls, bench: MortalBench, **changed: Any) -> AsyncIterator[Self]:
        """A fresh world, with settings changed, to be left as it was found."""
        play = cls(bench)
        await play.open(**changed)
        try:
            yield play
        finally:
            await play.close()

    async def open(self, **changed: Any) -> None:
        """Begin on a clean server and in a new world."""
        self.sandbox.reset()
        self.sandbox.post("settings", {"docusign.polling_limit": 100_000})  # weeks pass in seconds here
        self.sandbox.post("pax8/provisioning", {"mode": "instant"})
        vendors.http.observers.append(self.bench.count)
        await self._left.enter_async_context(settings(provisioning_inline_seconds=0.0, **changed))

    async def close(self) -> None:
        self.bench.calls_to_live = None
        vendors.http.observers.remove(self.bench.count)
        await self._left.aclose()
        await self.bench.forget_all()

    # Reading

    def book(self) -> Ledger:
        return Ledger(self.sandbox, self.meant)

    async def check(self) -> None:
        """After every act: the invariants hold, and no run has failed."""
        self.steps += 1
        wrong = self.book().all_wrong()
        for run in await self.procedures(StateType.FAILED):
            wrong.append(f"I6: {run.name} failed: {run.state.message if run.state else ''}")
        assert not wrong, "\n".join(wrong)
        for one in self.bridges:
            one.waits = await self._wait_of(one)

    async def procedures(self, *states: StateType) -> list[FlowRun]:
        wanted: dict[str, Any] = {"tags": {"all_": ["countersign"]}}
        if states:
            wanted["state"] = {"type": {"any_": list(states)}}
        async with self.bench.prefect() as client:
            return await client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted))

    async def _wait_of(self, one: Played) -> str:
        if one.is_gone:
            return "gone"
        run = await self.bench.run(one.run)
        if run.state is None or not run.state.is_paused():
            return f"({run.state.name if run.state else ''})"
        return next((tag.removeprefix("wait:") for tag in run.tags if tag.startswith("wait:")), "")

    async def dates(self, one: Played) -> Bridge | None:
        """The bridge as its run remembers it; for where to move the clock only, never for a check."""
        if one.is_gone:
            return None
        async with self.bench.prefect() as client:
            with suppress(ObjectNotFound, httpx.HTTPStatusError):
                return Bridge.model_validate(json.loads(await client.read_flow_run_input(one.run, DATES)))
        return None

    def envelope(self, one: Played) -> str:
        """The newest agreement of a bridge; empty where there is none."""
        mine = [
            envelope["envelopeId"]
            for envelope in self.sandbox.records("docusign.envelopes")
            if {"countersign_ref": one.reference}.items()
            <= {field["name"]: field["value"] for field in envelope["customFields"]}.items()
        ]
        return mine[-1] if mine else ""

    def subscription(self, one: Played) -> dict[str, Any] | None:
        """The bridge's own subscription, as the sandbox has it."""
        bought = next((o for o in self.book().bridges() if o.reference == one.reference), None)
        return self.sandbox.get(f"records/pax8.subscriptions/{bought.subscription}") if bought else None

    # People of ours

    async def start(self, case: int, term: str = "Monthly") -> Played | None:
        """A technician starts a bridge; each case once."""
        form = bridge(**CASES[case], **(ANNUAL if term == "1-Year" else {}))
        if any((one.customer, one.product) == (form["customer"], form["product"]) for one in self.bridges):
            return None
        form["needed_by"] = (self.sandbox.today() + 5 * DAY).isoformat()
        run = await self.bench.start(**form)
        await self.bench.play(run)
        tags = (await self.bench.run(run)).tags
        reference = next((tag.removeprefix("ref:") for tag in tags if tag.startswith("ref:")), "")
        played = Played(run, reference, form["customer"], form["product"], term)
        self.bridges.append(played)
        await self.check()
        return played

    async def buy(self, one: Played) -> None:
        """The straight way to a bought bridge: prices, the offered sentence, and the net that finds it."""
        if await self._wait_of(one) == "pricing":
            await self.give_prices(one)
            await self.pass_hours(0.5)
        await self.writes(one, "sentence")
        await self.reconcile()

    async def answer(self, one: Played, **form: str) -> bool:
        """Somebody answers the form, if there is one; whether Prefect took it. What follows is played."""
        async with self.bench.prefect() as client:
            try:
                verdict = await client.resume_flow_run(one.run, run_input=form)
            except (ObjectNotFound, httpx.HTTPStatusError):
                return False
        if verdict.status is not SetStateStatus.ACCEPT:
            return False
        await self.bench.play(one.run)
        return True

    async def decide(self, one: Played, action: str, by: str = TOM, **fields: str) -> None:
        """Somebody picks an action of the form, fitting or not."""
        await self.answer(one, action=action, decided_by=by, **fields)
        await self.check()

    async def give_prices(self, one: Played) -> None:
        await self.decide(
            one,
            "confirm prices",
            MATTHEW,
            monthly_prices=f"{one.product} = 16.00",
            annual_prices=f"{one.product} = 15.00",
        )

    async def offered(self, one: Played) -> list[str]:
        """The messages that the waiting form offers to choose from."""
        if one.is_gone:
            return []
        run = await self.bench.run(one.run)
        keys = run.state.state_details.run_input_keyset if run.state is not None else None
        if run.state is None or not run.state.is_paused() or keys is None:
            return []
        async with self.bench.prefect() as client:
            schema = json.loads(await client.read_flow_run_input(one.run, keys["schema"]))
        evidence = schema["properties"].get("evidence", {})
        return [choice for choice in evidence.get("enum", []) if choice]

    async def read_message(self, one: Played, choice: str, seats: int = 4) -> None:
        """A person reads the newest message and says what it means; truthfully, whatever it is."""
        labels = await self.offered(one)
        again = (await self._wait_of(one)).startswith("confirmation-again")
        if again and choice == "confirms as sent":
            choice = "the confirmation stands"
        if labels:
            if choice == "confirms as sent":
                name = next(part.strip() for part in labels[-1].split("·") if part.strip().startswith("mail:"))
                self.meant.read_as_yes.add(name.removeprefix("mail:"))
            took = await self.answer(
                one,
                action=choice,
                decided_by=TOM,
                evidence=labels[-1],
                seats=f"{one.product} = {seats}" if choice == "wants other seats" else "",
                note="read in full",
            )
            if took and choice == "wants other seats":
                one.round = self._newest_round(one)
        await self.check()

    async def change_of_mind(self, one: Played) -> None:
        """A person picks the newest message as the customer's change of mind."""
        labels = await self.offered(one)
        await self.decide(one, "customer wants monthly", evidence=labels[-1] if labels else "a mail of Ada's")

    async def person_acts(self, one: Played, gladly: bool) -> None:
        """Whoever is asked something does it: accepts or refuses, truthfully about what is in the portal."""
        wait = await self._wait_of(one)
        if "unclear-order" in wait:
            self.sandbox.advance(seconds=700)
            await self.decide(one, "no order is there", note="looked into the portal")
        elif wait == "pricing":
            await self.give_prices(one)
        elif wait == "by-hand":
            await self.decide(one, "it is done" if gladly else "it stays", note="had it signed anew")
        elif "objection" in wait:
            await self.decide(one, "look again" if gladly else "that was not me", note="somebody else typed it")
        elif wait.startswith("("):
            await self.check()
        else:
            by = next((who for word, who in (("cost", MATTHEW), ("subscribed", ROBERTA)) if word in wait), TOM)
            await self.decide(one, "accept" if gladly else "refuse", by, note="looked at it")

    async def look_again(self, one: Played, times: int = 1, by: str = TOM) -> None:
        """Resume by hand, or by a webhook, once or twice, whatever the run is doing."""
        for _ in range(times):
            await self.answer(one, action="look again", decided_by=by, note="")
        await self.check()

    async def deadline_by_hand(self, one: Played, again: bool) -> None:
        """Somebody starts the deadline's run at once, or another one beside it."""
        for run in await self.bench.runs("signature-deadline"):
            if f"deadline-of:{one.reference}" in run.tags and run.state is not None:
                if again:
                    twin = await self.bench.start("signature-deadline", **run.parameters)
                    await self.bench.play(twin)
                elif run.state.is_scheduled():
                    await self.bench.segment(run.id)
                break
        await self.check()

    async def delete(self, one: Played) -> None:
        """Somebody deletes the bridge's run."""
        if not one.is_gone:
            async with self.bench.prefect() as client:
                await client.delete_flow_run(one.run)
            one.is_gone = True
        await self.check()

    # The customer

    async def writes(self, one: Played, how: str) -> None:
        """The contact, or a stranger, answers the newest terms; `how` says what and how."""
        self.sandbox.advance(seconds=60)
        mail = f"{one.reference}%2Fterms-{self._newest_round(one)}"
        kinds: dict[str, dict[str, Any]] = {
            "sentence": {"sentence": True},
            "twice": {"sentence": True, "times": 2},
            "ok": {"text": "ok, go ahead"},
            "ok but 4": {"text": "ok but 4 please"},
            "no": {"text": "no, thank you"},
            "wrong person": {"sentence": True, "from": "rita@contoso.example"},
            "stranger": {"sentence": True, "from": "somebody@elsewhere.example"},
            "automatic": {"automatic": True, "quoted": True},
            "monthly instead": {"text": "We want the monthly term instead."},
        }
        with suppress(AssertionError):  # no terms went out yet
            self.sandbox.post(f"mails/{mail}/answer", kinds[how])
            if how in ("sentence", "twice"):
                self.meant.yes |= (
                    {one["id"] for one in self.sandbox.get("mails", direction="received")["mails"][-2:]}
                    - self.meant.read_as_yes
                    - self._others()
                )
        await self.check()

    def _others(self) -> set[str]:
        """Mails that don't begin with the sentence."""
        return {
            one["id"]
            for one in self.sandbox.get("mails", direction="received")["mails"]
            if "I confirm CS-" not in one["html"][:400]
        }

    def _newest_round(self, one: Played) -> int:
        terms = [o for o in self.book().offers if o[1] == one.reference]
        return max(len(terms), 1)

    async def signs(self, one: Played, who: str, webhooks: int) -> None:
        """The customer, ours, or all sign; DocuSign's word of it comes so often."""
        await self.envelope_act(one, "sign", webhooks, by=who)

    async def envelope_act(self, one: Played, act: str, webhooks: int, **body: str) -> None:
        """Somebody does something to the newest agreement; impossible acts don't happen."""
        envelope = self.envelope(one)
        if envelope:
            with suppress(AssertionError):
                self.sandbox.post(f"envelopes/{envelope}/{act}", body)
        await self.look_again(one, webhooks, WEBHOOK)

    # The portal, the vendors, the processes

    async def portal(self, one: Played, act: str) -> None:
        """Somebody in Pax8's portal adds a seat, books the bridge's end, or takes it away."""
        there = self.subscription(one)
        if there is not None and there["status"] == "Active":
            path = f"pax8/subscriptions/{there['id']}"
            if act == "seats":
                self.sandbox.post(f"{path}/seats", {"quantity": there["quantity"] + 1})
            else:
                end = there["commitment"]["endDate"] if act == "book the end" else None
                self.sandbox.post(f"{path}/end", {"end": end.replace("Z", "+00:00") if end else None})
        await self.check()

    async def fault(self, kind: str, vendor: str, method: str, path: str, times: int = 1, skip: int = 0) -> None:
        """A vendor fails soon."""
        body = {"kind": kind, "vendor": vendor, "method": method, "path": path, "times": times, "skip": skip}
        self.sandbox.post("faults", body | ({"retry_after": 1} if kind == "429" else {}))
        await self.check()

    async def die_after(self, calls: int) -> None:
        """The next segments' process dies after so many calls to vendors."""
        self.bench.calls_to_live = calls
        await self.check()

    # Time and the net

    async def reconcile(self) -> None:
        """The net comes by, and what it set going is played; a process that was put off has its turn too.

        Contracts has deleted by then whatever draft it was asked to.
        """
        for mail in mails(self.bench, subject="please delete the draft"):
            draft = mail.text.partition("Draft")[2].split()[0]
            with suppress(AssertionError):  # it is deleted, or was sent
                self.sandbox.post(f"envelopes/{draft}/delete")
        for run in await self.procedures(StateType.SCHEDULED):
            if run.state is not None and run.state.name == "PutOff" and "timed" not in run.tags:
                async with self.bench.prefect() as client:
                    due: Any = Scheduled(scheduled_time=datetime.now(UTC))
                    await client.set_flow_run_state(run.id, due)
        await self.bench.reconcile()
        await self.check()

    async def pass_hours(self, hours: float) -> None:
        self.sandbox.advance(hours=hours)
        await self.reconcile()

    async def pass_to(self, moment: datetime) -> None:
        """The clock comes to a moment, never back; the net comes by then, and on a long way before."""
        while moment - self.sandbox.now() > LONGEST_OUTAGE:
            self.sandbox.set_clock(self.sandbox.now() + LONGEST_OUTAGE)
            await self.reconcile()
        if moment > self.sandbox.now():
            self.sandbox.set_clock(moment)
        await self.reconcile()

    async def pass_to_date(self, one: Played, which: str) -> None:
        """The clock comes to one of the bridge's dates; where there is no bridge yet, a day passes."""
        found = await self.dates(one)
        if found is None:
            await self.pass_hours(24)
            return
        dates = found.dates
        await self.pass_to(
            {
                "before the cut-off": dates.cut_off - 2 * MINUTE,
                "after the cut-off": dates.cut_off + 2 * MINUTE,
                "change of mind": dates.change_of_mind_until - 10 * MINUTE,
                "change-over": dates.change_over + 2 * MINUTE,
                "person": dates.person_by + 2 * MINUTE,
                "end": dates.commitment_end + 2 * MINUTE,
                "day after": dates.commitment_end + DAY,
            }[which]
        )

    async def pass_to_next(self) -> None:
        """The clock comes to the next moment that anything is booked for."""
        moment = await self.next_moment()
        await self.pass_to(moment + MINUTE if moment is not None else self.sandbox.now() + DAY)

    async def next_moment(self) -> datetime | None:
        now = self.sandbox.now()
        ahead = [
            moment
            for run in await self.procedures(StateType.PAUSED, StateType.SCHEDULED)
            for tag in run.tags
            if tag.startswith("until:") and (moment := datetime.fromisoformat(tag.removeprefix("until:"))) > now
        ]
        return min(ahead, default=None)

    async def check_nothing_is_forgotten(self) -> None:
        """I5: after the net came by, nothing is past its moment, lost, or without a moment or something awaited."""
        now, wrong = self.sandbox.now(), []
        for run in await self.procedures():
            if run.state is None or run.state.is_completed() or run.state.is_cancelled():
                continue
            until = next((t.removeprefix("until:") for t in run.tags if t.startswith("until:")), None)
            wait = next((t.removeprefix("wait:") for t in run.tags if t.startswith("wait:")), "")
            what = f"{run.name}: {run.state.name}, {wait or 'no wait'}, until {until}"
            if not (run.state.is_paused() or run.state.is_scheduled()):
                wrong.append(f"I5: lost: {what}: {run.state.message}")
            elif until is not None and datetime.fromisoformat(until) < now - SLACK:
                wrong.append(f"I5: past its moment, {now}: {what}")
            elif is_due(run.state):
                wrong.append(f"I5: due, and nobody played it: {what}")
        assert not wrong, "\n".join(wrong)

    async def finish(self) -> dict[str, str]:
        """Vendors recover, nobody dies any more, and time passes until every bridge's month is over by two days."""
        self.bench.calls_to_live = None
        self.sandbox.http.delete("faults").raise_for_status()
        for _ in range(MOST_LOOKS):
            await self.reconcile()
            await self.check_nothing_is_forgotten()
            over = max((self.over_by(one) for one in self.book().bridges()), default=self.sandbox.now())
            if self.sandbox.now() >= over:
                break
            moment = await self.next_moment() or over
            self.sandbox.set_clock(min(over, max(moment + MINUTE, self.sandbox.now() + LEAST_JUMP)))
        else:
            raise AssertionError(f"{MOST_LOOKS} looks, and it isn't over")
        book = self.book()
        return {one.reference: book.how_it_ended(one) for one in book.bridges()}

    def over_by(self, bridge: Bought) -> datetime:
        """Two days after the end of a bridge's first month."""
        there = self.sandbox.get(f"records/pax8.subscriptions/{bridge.subscription}")
        begun = datetime.fromisoformat(there["startDate"].replace("Z", "+00:00"))
        return begun + timedelta(days=31 + 2)


def fresh(flows: dict[str, Any], deployments: dict[str, Any], sandbox_url: str) -> Play:
    """A play on the session's server and sandbox."""
    return Play(MortalBench(flows, deployments, Sandbox(sandbox_url)))
