"""Bridges under everything at once: random starts, words, signatures, faults, crashes and clocks (I1 to I7).

Hypothesis chooses what happens; real flows and steps act on the sandbox; the sandbox's ledger is held against the
invariants after every step, and each bridge's end when its month is over. COUNTERSIGN_SOAK=1 plays thousands of steps.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from traceback import format_exception
from typing import Any, ClassVar

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase
from hypothesis import settings as machine_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.procedures.bridge_play import CASES, MortalBench, Play, Played, fresh
from tests.procedures.conftest import all_flows
from tests.procedures.harness import Sandbox
from tests.procedures.requests import ROBERTA, TOM

SOAK = os.environ.get("COUNTERSIGN_SOAK") == "1"
EXAMPLES = int(os.environ.get("COUNTERSIGN_BRIDGE_EXAMPLES", "12" if SOAK else "1"))
PARTS = range(6 if SOAK else 1)
"""Of the long form: each is played by whichever process of pytest's is free."""
PATIENCE = 1_800 if SOAK else 280
"""Seconds for one act: the last one plays up to three bridges to their ends, on a machine that may have other work."""
STEPS = int(os.environ.get("COUNTERSIGN_BRIDGE_STEPS", "30" if SOAK else "8"))
BOUGHT = [True, True, False] if SOAK else [True]
ORDERS, ENDS, NOTES, MAILS = r"/orders$", r"/subscriptions/[^/]+$", r"[nN]otes", r"/messages|/send"
FAULTS = (
    ("pax8", "POST", ORDERS),
    ("pax8", "DELETE", ENDS),
    ("pax8", "GET", ENDS),
    ("autotask", "POST", NOTES),
    ("autotask", "POST", "Tickets$"),
    ("graph", "POST", MAILS),
    ("graph", "GET", "delta"),
    ("docusign", "GET", r"/envelopes/[^/]+$"),
    ("docusign", "PUT", r"/envelopes/[^/]+$"),
    ("itglue", "POST", "flexible_assets"),
)
KINDS = ("429", "500-before", "500-after", "drop-before", "drop-after")
DATES = ("before the cut-off", "after the cut-off", "change of mind", "change-over", "person", "end", "day after")

whose = st.integers(0, 2)
webhooks = st.sampled_from([1, 0, 2])


class Bridges(RuleBasedStateMachine):
    """What may happen to bridges, in any order. Each rule ends with the ledger's check."""

    stage: ClassVar[tuple[dict[str, Any], dict[str, Any], str, asyncio.AbstractEventLoop]]
    ends: ClassVar[list[str]] = []
    found: ClassVar[list[str]] = []
    played_steps: ClassVar[int] = 0
    kinds: ClassVar[Counter[str]] = Counter()
    examples: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        flows, deployments, sandbox_url, self.loop = self.stage
        self.play = fresh(flows, deployments, sandbox_url)
        self.acts: list[str] = []
        self.failed = False
        self.rough = True  # in half of the histories nobody calls anything off: else hardly one comes to a signature
        self.is_played = self.examples > 0  # Hypothesis' first one is always the simplest: the net, and nothing else
        type(self).examples += 1

    def do(self, act: Coroutine[Any, Any, Any]) -> Any:
        """Have the session's event loop do it, and wait for it. A counter-example is kept; its history stops there."""
        if self.failed or not self.is_played:
            act.close()
            return None
        self.acts.append(in_words(act))
        self.kinds[act.__name__] += 1
        try:
            return asyncio.run_coroutine_threadsafe(act, self.loop).result(PATIENCE)
        except Exception as wrong:
            self.failed = True
            why = str(wrong) if isinstance(wrong, AssertionError) else "".join(format_exception(wrong))
            self.found.append("\n".join([*self.acts, f"=> {why}"]))
            if os.environ.get("COUNTERSIGN_SHOW"):
                print(self.found[-1], flush=True)
            return None

    def one(self, number: int, *waits: str) -> Played:
        """A bridge of the play: one in such a wait where there is one."""
        fitting = [one for one in self.play.bridges if one.waits.startswith(waits)] if waits else []
        among = fitting or self.play.bridges
        return among[number % len(among)]

    def waits(self, *names: str) -> bool:
        return any(one.waits.startswith(names) for one in self.play.bridges)

    @initialize(
        release=st.sampled_from(["sent directly", "contracts releases"]),
        term=st.sampled_from(["Monthly", "1-Year"]),
        case=whose,
        bought=st.sampled_from(BOUGHT),
        rough=st.booleans(),
    )
    def first(self, release: str, term: str, case: int, bought: bool, rough: bool) -> None:
        self.rough = rough
        self.loop_do(self.play.open(release=release))
        one = self.do(self.play.start(case, term))
        if bought and one is not None:
            self.do(self.play.buy(one))

    def loop_do(self, act: Coroutine[Any, Any, Any]) -> Any:
        """What must be done whatever was found: opening and closing."""
        if not self.is_played:
            act.close()
            return None
        return asyncio.run_coroutine_threadsafe(act, self.loop).result(PATIENCE)

    def teardown(self) -> None:
        if not self.failed and self.play.bridges:
            self.ends.extend((self.do(self.play.finish()) or {}).values())
        type(self).played_steps += self.play.steps
        self.loop_do(self.play.close())

    # Starting and offering

    @precondition(lambda self: len(self.play.bridges) < len(CASES))
    @rule(case=whose, term=st.sampled_from(["Monthly", "1-Year"]))
    def another(self, case: int, term: str) -> None:
        self.do(self.play.start(case, term))

    @precondition(lambda self: self.waits("pricing"))
    @rule(number=whose)
    def pricing_confirms(self, number: int) -> None:
        self.do(self.play.give_prices(self.one(number, "pricing")))

    # The customer's word

    @precondition(lambda self: self.waits("confirmation"))
    @rule(number=whose)
    def customer_confirms(self, number: int) -> None:
        one = self.one(number, "confirmation")
        self.do(self.play.writes(one, "sentence"))
        self.do(self.play.reconcile())

    @precondition(lambda self: self.waits("confirmation"))
    @rule(
        number=whose,
        how=st.sampled_from(["ok", "sentence", "twice", "ok but 4", "no", "wrong person", "stranger", "automatic"]),
        net=st.booleans(),
    )
    def customer_writes(self, number: int, how: str, net: bool) -> None:
        self.do(self.play.writes(self.one(number, "confirmation"), how))
        if net:
            self.do(self.play.reconcile())

    @precondition(lambda self: self.waits("confirmation"))
    @rule(number=whose, choice=st.sampled_from(["confirms as sent", "asks", "wants other seats", "says no"]))
    def requester_reads(self, number: int, choice: str) -> None:
        self.do(self.play.read_message(self.one(number, "confirmation"), choice))

    @precondition(lambda self: self.waits("agreement"))
    @rule(number=whose)
    def customer_changes_his_mind(self, number: int) -> None:
        one = self.one(number, "agreement")
        self.do(self.play.writes(one, "monthly instead"))
        self.do(self.play.look_again(one))
        self.do(self.play.change_of_mind(one))

    # The agreement

    @precondition(lambda self: self.waits("confirmation", "agreement"))
    @rule(
        number=whose,
        action=st.sampled_from(
            ["release the agreement", "correct the draft", "take back the release", "refuse the draft"]
        ),
        by=st.sampled_from([ROBERTA, TOM]),
    )
    def contracts_decides(self, number: int, action: str, by: str) -> None:
        one = self.one(number, "confirmation", "agreement")
        self.do(self.play.decide(one, action, by, prices=f"{one.product} = 15.50", note="not like this"))

    @precondition(lambda self: self.play.bridges)
    @rule(number=whose, who=st.sampled_from(["all", "all", "customer", "msp"]), webhooks=webhooks)
    def signs(self, number: int, who: str, webhooks: int) -> None:
        self.do(self.play.signs(self.one(number, "agreement", "late"), who, webhooks))

    @precondition(lambda self: self.rough and self.play.bridges)
    @rule(number=whose, act=st.sampled_from(["decline", "void", "bounce", "expire", "view"]), webhooks=webhooks)
    def agreement_fails(self, number: int, act: str, webhooks: int) -> None:
        self.do(self.play.envelope_act(self.one(number), act, webhooks))

    # People of ours

    @precondition(lambda self: self.rough and self.play.bridges)
    @rule(number=whose)
    def withdraws(self, number: int) -> None:
        self.do(self.play.decide(self.one(number), "withdraw", note="The customer doesn't want it any more."))

    @precondition(lambda self: self.play.bridges)
    @rule(number=whose, by=st.sampled_from([TOM, "DocuSign webhook"]), times=st.integers(1, 2))
    def looks_again(self, number: int, by: str, times: int) -> None:
        self.do(self.play.look_again(self.one(number), times, by))

    @precondition(
        lambda self: any(not o.waits.startswith(("(", "agreement", "confirm", "gone")) for o in self.play.bridges)
    )
    @rule(number=whose, gladly=st.booleans())
    def whoever_is_asked_acts(self, number: int, gladly: bool) -> None:
        among = [o for o in self.play.bridges if not o.waits.startswith(("(", "agreement", "confirm", "gone"))]
        self.do(self.play.person_acts(among[number % len(among)], gladly))

    @precondition(lambda self: self.waits("agreement", "change-over", "late"))
    @rule(number=whose, again=st.booleans())
    def deadline_is_started_by_hand(self, number: int, again: bool) -> None:
        self.do(self.play.deadline_by_hand(self.one(number, "agreement"), again))

    @precondition(lambda self: self.rough and self.waits("agreement", "change-over"))
    @rule(number=whose)
    def run_is_deleted(self, number: int) -> None:
        self.do(self.play.delete(self.one(number, "agreement", "change-over")))

    # Vendors, processes, time

    @precondition(lambda self: self.waits("agreement", "change-over", "late"))
    @rule(number=whose, act=st.sampled_from(["seats", "book the end", "take the end away"]))
    def portal(self, number: int, act: str) -> None:
        self.do(self.play.portal(self.one(number, "agreement", "change-over", "late"), act))

    @rule(where=st.sampled_from(FAULTS), kind=st.sampled_from(KINDS), times=st.integers(1, 2), skip=st.integers(0, 3))
    def vendor_fails(self, where: tuple[str, str, str], kind: str, times: int, skip: int) -> None:
        self.do(self.play.fault(kind, *where, times=times, skip=skip))

    @rule(calls=st.integers(1, 60))
    def process_dies(self, calls: int) -> None:
        self.do(self.play.die_after(calls))

    @rule()
    def net_comes_by(self) -> None:
        self.do(self.play.reconcile())

    @rule(hours=st.sampled_from([1, 3, 20, 26, 80]))
    def hours_pass(self, hours: int) -> None:
        self.do(self.play.pass_hours(hours))

    @rule()
    def next_moment_comes(self) -> None:
        self.do(self.play.pass_to_next())

    @precondition(lambda self: self.waits("agreement", "change-over", "late"))
    @rule(number=whose, date=st.sampled_from(DATES))
    def date_comes(self, number: int, date: str) -> None:
        self.do(self.play.pass_to_date(self.one(number, "agreement", "change-over", "late"), date))


def in_words(act: Any) -> str:
    """An act as it would be written in a test."""
    told = {name: value for name, value in act.cr_frame.f_locals.items() if name not in ("self", "__class__")}
    words = [
        f"{value.customer}'s {value.product} {value.term} ({value.waits})" if isinstance(value, Played) else repr(value)
        for value in told.values()
    ]
    return f"  {act.__name__}({', '.join(words)})"


@pytest_asyncio.fixture
async def play(deployments: dict[str, Any], sandbox_url: str) -> AsyncIterator[Play]:
    """One play of its own, for the counter-examples that were found."""
    async with Play.opened(MortalBench(all_flows(), deployments, Sandbox(sandbox_url)), release="sent directly") as one:
        yield one


@pytest.mark.timeout(7_200 if SOAK else 600)
@pytest.mark.parametrize("_part", PARTS)
async def test_whatever_happens_the_invariants_hold(_part: int, deployments: dict[str, Any], sandbox_url: str) -> None:
    """I1 to I7 after every step of random histories, and exactly one end for each bridge (I4)."""
    Bridges.stage = (all_flows(), deployments, sandbox_url, asyncio.get_running_loop())
    Bridges.ends.clear()
    Bridges.found.clear()
    Bridges.kinds.clear()
    Bridges.examples = 0
    chosen = machine_settings(
        max_examples=EXAMPLES + 1,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=not SOAK and not os.environ.get("COUNTERSIGN_RANDOM"),
        database=None,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, Bridges, settings=chosen)
    print(f"{Bridges.played_steps} steps; {Counter(Bridges.ends)}")
    assert not Bridges.found, "\n\n".join(Bridges.found)
    assert Bridges.ends, "no bridge came to its end"
    acts = set(Bridges.kinds) - {"start", "buy", "finish"}
    assert len(acts) > 1, f"nothing random was played: {Bridges.kinds}"


async def bought(play: Play, term: str = "Monthly", case: int = 0) -> Played:
    """A bridge that was confirmed and bought; its agreement is with the customer."""
    one = await play.start(case, term)
    assert one is not None
    await play.buy(one)
    assert one.waits == "agreement-1", one.waits
    return one


@pytest.mark.soak
@pytest.mark.parametrize("act", ["decline", "void"])
async def test_the_customer_signed_and_ours_declined_or_voided(play: Play, act: str) -> None:
    """Our own no cancels nothing that the customer has signed: a person gets it, and nobody is told that it ends."""
    one = await bought(play)
    await play.signs(one, "customer", 1)
    await play.envelope_act(one, act, 1, **({"by": "msp"} if act == "decline" else {}))
    assert await play.finish() == {one.reference: "handed to a person"}
    assert not play.book().told_of_the_end(one.reference)


@pytest.mark.soak
async def test_withdrawn_after_the_customer_signed(play: Play) -> None:
    """Withdrawn by one of ours although the customer has signed: a person gets it, nothing is cancelled."""
    one = await bought(play)
    await play.signs(one, "customer", 1)
    await play.decide(one, "withdraw", note="not wanted")
    assert await play.finish() == {one.reference: "handed to a person"}


async def test_the_run_was_deleted_and_then_it_was_signed(play: Play) -> None:
    """Nobody is left to tell billing or to document it: the deadline's run hands it to a person."""
    one = await bought(play)
    await play.delete(one)
    await play.signs(one, "all", 0)
    assert await play.finish() == {one.reference: "signed and kept"}
    assert play.book().handed_over(one.reference)
