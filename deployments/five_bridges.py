"""Five bridges to their five ends, by moving the sandbox's clock: played over HTTP, and checked by what is outside."""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from deployments.player import Player, Say, WentWrong

TOM = "tom@northgate.example"
ROBERTA = "roberta@northgate.example"
MATTHEW = "matthew@northgate.example"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
READING = timedelta(seconds=1)
"""An answer of the very second in which the terms went out is none to them (B3)."""
ENVELOPE_LIFE = timedelta(days=40)
"""Longer than an unsigned agreement outlives its bridge (setting `bridge_envelope_days`)."""
PRESSED = "our own signature is missing"
SIGNED_IN_TIME = ("ours", "annual", "kept")


@dataclass
class Story:
    """One bridge: who wants what, and what must have come of it. `orders`: the terms ordered, in order."""

    title: str
    form: dict[str, Any]
    orders: list[str]
    ends: bool
    told: bool
    run_id: str = ""
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def contact(self) -> str:
        return str(self.form["confirmer"])

    def date(self, name: str) -> datetime:
        """A moment of its true dates, as Pax8 gave them."""
        return datetime.fromisoformat(self.kept["dates"][name])


def wants(
    customer: str, ticket: str, confirmer: str, name: str, product: str, seats: int, **more: Any
) -> dict[str, Any]:
    """The launch form of a customer who can't wait; `name` accepted Microsoft's agreement."""
    first, last = name.split(" ")
    return {
        "customer": customer,
        "ticket": ticket,
        "requester": TOM,
        "confirmer": confirmer,
        "product": product,
        "seats": seats,
        "quote_line": product,
        "mca_first_name": first,
        "mca_last_name": last,
        **more,
    }


def five() -> dict[str, Story]:
    """The five bridges, and how each of them must end."""
    return {
        "kept": Story(
            "signed in time, monthly",
            wants(
                "Contoso Pharmaceuticals",
                "T20261106.0005",
                "zoe@contoso-pharma.example",
                "Zoe Akhtar",
                "Visio Plan 1",
                5,
                why_now="The lab moves in on Monday.",
            ),
            orders=["Monthly"],
            ends=False,
            told=False,
        ),
        "annual": Story(
            "signed in time, annual",
            wants(
                "Alpine Rescue Foundation",
                "T20261115.0007",
                "nora@alpinerescue.example",
                "Nora Berg",
                "Visio Plan 1",
                2,
                why_now="A grant has to be spent this month.",
                term="1-Year",
                annual_reason="Nora Berg asked for it: the planners stay, and annual is cheaper.",
            ),
            orders=["Monthly", "1-Year"],
            ends=True,
            told=False,
        ),
        "never": Story(
            "never signed",
            wants(
                "Tailspin Toys",
                "T20261112.0008",
                "pia@tailspin.example",
                "Pia Holm",
                "Visio Plan 2",
                6,
                why_now="The designers start tomorrow.",
            ),
            orders=["Monthly"],
            ends=True,
            told=True,
        ),
        "late": Story(
            "signed late",
            wants(
                "Proseware",
                "T20261114.0001",
                "otto@proseware.example",
                "Otto Reim",
                "Visio Plan 1",
                4,
                why_now="The printers wait for drawings.",
            ),
            orders=["Monthly", "Monthly"],
            ends=True,
            told=True,
        ),
        "ours": Story(
            "signed by the customer, not yet by us",
            wants(
                "Woodgrove Bank",
                "T20261111.0006",
                "victor@woodgrove.example",
                "Victor Stahl",
                "Visio Plan 1",
                3,
                why_now="An audit begins on Thursday.",
            ),
            orders=["Monthly"],
            ends=False,
            told=False,
        ),
    }


def five_bridges(player: Player, say: Say) -> None:
    """Play and check them. Raises `WentWrong`."""
    stories, began = five(), time.monotonic()

    def tell(text: str) -> None:
        say(f"  {time.monotonic() - began:5.1f} s  {player.now():%d %b}  {text}")

    buy(player, stories, tell)
    sign_in_time(player, stories, tell)
    pass_the_cut_off(player, stories, tell)
    change_over(player, stories, tell)
    after_the_end(player, stories, tell)
    check(player, stories, say)


def buy(player: Player, stories: dict[str, Story], tell: Say) -> None:
    """All five are asked for, confirmed in writing by one click each, and bought for a month."""
    for key, story in stories.items():
        day = {"needed_by": f"{player.now() + 5 * DAY:%Y-%m-%d}"}
        story.run_id = player.start("bridge", {**story.form, **day}, f"demo-bridge-{key}")
    tell("Tom asks for five bridges, for five customers who can't wait; contracts is asked to release")
    annual = stories["annual"].run_id
    player.wait_until_waiting(annual, "pricing")
    product = stories["annual"].form["product"]
    player.answer(
        annual,
        action="confirm prices",
        decided_by=MATTHEW,
        monthly_prices=f"{product} = 6.00",
        annual_prices=f"{product} = 5.00",
    )
    references = [
        player.reference_of(player.wait_until_waiting(story.run_id, "confirmation-1")) for story in stories.values()
    ]
    tell("the terms are mailed with every date; Matthew (pricing) gave both figures for the annual one")
    if any(terms_ordered(player, story) for story in stories.values()):
        raise WentWrong("something was ordered before the customer's written word")
    read = player.now() + READING
    player.wait_until(lambda: player.now() > read, "the time to read the terms")
    for reference in references:
        player.confirm(reference)
    for key in SIGNED_IN_TIME:
        player.answer(stories[key].run_id, action="release the agreement", decided_by=ROBERTA)
    tell("five customers answer by one click; Roberta (contracts) comes round to three of the agreements")
    for story in stories.values():
        player.wait_until_waiting(story.run_id, "agreement-1")
        story.kept = player.remembered(story.run_id, "bridge-dates")
    tell("the answers are found in the mailbox; five months ordered, five deadlines stand")


def sign_in_time(player: Player, stories: dict[str, Story], tell: Say) -> None:
    """Three customers sign in time, for one of them we don't; contracts releases the other two agreements."""
    for key, story in stories.items():
        if key in SIGNED_IN_TIME:
            signed_by = "customer" if key == "ours" else "all"
            player.sign(player.envelope_of(player.run(story.run_id)), signed_by)
        else:
            player.answer(story.run_id, action="release the agreement", decided_by=ROBERTA)
    player.wait_until_done(stories["kept"].run_id)
    player.wait_until_waiting(stories["annual"].run_id, "change-over")
    for story in (stories["ours"], stories["never"], stories["late"]):
        player.wait_until_waiting(story.run_id, "agreement-1")
    tell("three sign: the monthly one goes on, the annual one waits for its change-over, one lacks our own signature")


def pass_the_cut_off(player: Player, stories: dict[str, Story], tell: Say) -> None:
    """The clock passes the cut-off: unsigned is booked to end and told; our own delay cancels nothing."""
    ours = stories["ours"]
    player.move_clock(max(story.date("cut_off") for story in stories.values()) + 2 * MINUTE)
    for key in ("never", "late"):
        player.wait_until_waiting(stories[key].run_id, "late-signature")
    tell("the cut-off has passed: two are unsigned, booked to end with their month, their customers told")
    player.wait_until(lambda: any(PRESSED in mail["subject"] for mail in player.mails()), "a mail to our countersigner")
    if ours.kept["ids"]["subscriptions"][0] in ended_by(player):
        raise WentWrong("a bridge that its customer signed was cancelled")
    tell("the customer's signature without ours: nothing is cancelled, we are pressed")
    player.sign(player.envelope_of(player.run(ours.run_id)), "msp")
    player.wait_until_done(ours.run_id)
    tell("we countersign: that bridge is kept as well")


def change_over(player: Player, stories: dict[str, Story], tell: Say) -> None:
    """A few days before the month's end the annual term is ordered, and the bridge's end booked behind it."""
    annual = stories["annual"]
    player.move_clock(annual.date("change_over") + 2 * MINUTE)
    player.wait_until_done(annual.run_id)
    tell("the annual term is ordered; once it is active its bridge is booked to end")


def after_the_end(player: Player, stories: dict[str, Story], tell: Say) -> None:
    """The months are over: what was booked is gone; a late signature is ordered anew; the last agreement expires."""
    late, never = stories["late"], stories["never"]
    player.move_clock(max(story.date("commitment_end") for story in stories.values()) + 2 * DAY)
    player.sign(player.envelope_of(player.run(late.run_id)))
    for story in stories.values():
        for subscription in story.kept["ids"]["subscriptions"] if story.ends else ():
            guards = player.runs_tagged(f"guard-of:{subscription}")
            if not guards:
                raise WentWrong(f"{story.title}: nobody looks whether {subscription} is gone")
            for guard in guards:
                player.wait_until_done(guard["id"])
    tell("three months are over and gone: looked at the morning after")
    player.wait_until_waiting(late.run_id, "late-still-wanted")
    player.answer(late.run_id, action="accept", decided_by=TOM)
    player.wait_until_done(late.run_id)
    tell("one signs after all; Tom says that it is still wanted: ordered anew under the signed agreement")
    player.move_clock(player.now() + ENVELOPE_LIFE)
    player.wait_until_ended(never.run_id, "Ended unsigned")
    tell("the one that was never signed has expired; nobody waits any more")


def terms_ordered(player: Player, story: Story) -> list[str]:
    """The terms of everything that was ordered for a story's customer, in order."""
    orders = player.effects_of("order placed")
    mine = [order for order in orders if order["company_name"] == story.form["customer"]]
    return [str(line["commitment_term"]) for order in mine for line in order["lines"]]


def ended_by(player: Player) -> dict[str, datetime]:
    """The ends that were booked, by subscription."""
    return {effect["subscription"]: datetime.fromisoformat(effect["end"]) for effect in player.effects_of("end booked")}


def check(player: Player, stories: dict[str, Story], say: Say) -> None:
    """What happened outside must be exactly what each story says. Raises `WentWrong`."""
    ended = ended_by(player)
    for story in stories.values():
        who = story.form["customer"]
        terms = terms_ordered(player, story)
        if terms != story.orders:
            raise WentWrong(f"{who}, {story.title}: ordered {terms}, expected {story.orders}")
        for subscription in story.kept["ids"]["subscriptions"]:
            due = story.date("commitment_end") if story.ends else None
            if ended.pop(subscription, None) != due:
                raise WentWrong(f"{who}, {story.title}: the end of {subscription} isn't booked for {due}")
        told = [m for m in player.mails() if story.contact in m["to"] and "cancelled, it ends on" in m["subject"]]
        if len(told) != story.told:
            raise WentWrong(f"{who}, {story.title}: told {len(told)} times that it ends, expected {story.told:d}")
    if ended or len(player.effects_of("end booked")) != sum(story.ends for story in stories.values()):
        raise WentWrong(f"ends that nobody asked for: {ended}")
    mails = Counter(key for mail in player.mails() for key in mail["properties"])
    twice = [mail for mail, count in mails.items() if count > 1]
    if twice:
        raise WentWrong(f"sent twice: {twice}")
    say("  Outside happened: seven orders, each once; three ends, each booked for its own month's end; two customers")
    say("  told that their licences end, once each; no mail twice.")
