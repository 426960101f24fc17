"""More seats for three customers: by the month, for a year with the total typed, and for one who has both (S)."""

import html
import re
import time
from datetime import timedelta
from typing import Any

from deployments.five_bridges import TOM
from deployments.player import Player, Say, WentWrong

READING = timedelta(seconds=1)
PREMIUM, STANDARD = "Microsoft 365 Business Premium", "Microsoft 365 Business Standard"


def wants(customer: str, ticket: str, contact: str, product: str, now: int, wanted: int) -> dict[str, Any]:
    """The launch form."""
    return {
        "customer": customer,
        "ticket": ticket,
        "requester": TOM,
        "contact": contact,
        "product": product,
        "seats_now": now,
        "seats_wanted": wanted,
    }


FORMS = {
    "monthly": wants("VanArsdel", "T20261108.0002", "yara@vanarsdel.example", "Microsoft 365 Business Basic", 7, 9),
    "annual": wants("Fabrikam Inc", "T20261119.0004", "frida@fabrikam.example", STANDARD, 8, 10),
    "both": wants("Litware", "T20261113.0005", "lena@litware.example", PREMIUM, 15, 18),
}
TYPED = {"annual": "10", "both": "18"}
"""The new totals that Tom types where the seats stay for the rest of a year (S3)."""
ADDED = {(7, 9), (8, 10), (15, 18)}


def more_seats(player: Player, say: Say) -> None:
    """Play and check them. Raises `WentWrong`."""
    began = time.monotonic()

    def tell(text: str) -> None:
        say(f"  {time.monotonic() - began:5.1f} s  {text}")

    runs = {key: player.start("add-seats", form, f"demo-seats-{key}") for key, form in FORMS.items()}
    references = {
        key: player.reference_of(player.wait_until_waiting(run, "confirmation-seats-1")) for key, run in runs.items()
    }
    tell("Tom asks for more seats for three customers; each contact is asked by mail, before → after")
    read = player.now() + READING
    player.wait_until(lambda: player.now() > read, "the time to read the mails")
    if player.effects_of("seats changed"):
        raise WentWrong("seats were added before the customer's written word")
    for key, reference in references.items():
        player.confirm(reference, "seats-1", annual_sentence(player, reference) if key == "both" else "")
    tell("they answer by one click; Litware has it by the month and for a year, and chooses the year")
    for key, total in TYPED.items():
        player.wait_until_waiting(runs[key], "acknowledge-1")
        player.answer(runs[key], action="I have understood it", decided_by=TOM, new_total=total)
    tell("on a year the seats can't be given back after seven days: Tom types both new totals")
    for run in runs.values():
        player.wait_until_done(run)
    tell("added, read back, billing told")
    check(player, say)


def annual_sentence(player: Player, reference: str) -> str:
    """The sentence of the mail that stands for the annual subscription (S2)."""
    mail = next(one for one in player.mails() if f"{reference}/seats-1" in str(one["properties"]))
    found = re.search(r'I confirm [^<"(]*\(1-Year[^)]*\)', html.unescape(mail["html"]))
    if found is None:
        raise WentWrong("the mail offers no sentence for the annual subscription")
    return found[0]


def check(player: Player, say: Say) -> None:
    """What happened outside: three changes, each once, and billing told of each. Raises `WentWrong`."""
    changes = [(one["before"], one["quantity"]) for one in player.effects_of("seats changed")]
    if sorted(changes) != sorted(ADDED):
        raise WentWrong(f"seats changed {changes}, expected {sorted(ADDED)}")
    told = [mail for mail in player.mails() if "→" in mail["subject"] and "× Microsoft 365" in mail["subject"]]
    if len(told) != len(ADDED):
        raise WentWrong(f"billing was told {len(told)} times, expected {len(ADDED)}")
    say(
        "  Outside happened: three changes of seats, each once, each on the customer's own words; billing told of each."
    )
