"""The demonstration: a new subscription, a new tenant, five bridges to their ends, more seats, others left waiting.

`python -m deployments.demo` starts a stack of its own, plays everybody, checks what happened outside, and ends with
exit status 0 only if all of it went right. `make run` shows the first order, and then leaves the stack to you.
"""

import shutil
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from deployments.children import ChildFailed
from deployments.environment import UnknownWorkerType, database_url_from_shell
from deployments.five_bridges import ROBERTA, TOM, five_bridges
from deployments.more_seats import more_seats
from deployments.new_tenant import new_tenant
from deployments.player import Player, Say, WentWrong
from deployments.postgres import NoPostgres
from deployments.running import AlreadyRuns, find_running
from deployments.stack import HOME, LocalStack

VISIO = {
    "customer": "Contoso Ltd",
    "ticket": "T20261118.0012",
    "requester": TOM,
    "signer": "ada@contoso.example",
    "product": "Visio Plan 1",
    "seats": 3,
    "quote_line": "Visio Plan 1",
    "mca_first_name": "Ada",
    "mca_last_name": "Byte",
    "licence_users": "cleo@contoso.example",
    "follow_up_person": "jo@northgate.example",
    "follow_up_work": "Install Visio on three PCs in the drawing office.",
}
FABRIKAM = {
    "customer": "Fabrikam Inc",
    "ticket": "T20261119.0004",
    "requester": TOM,
    "signer": "frida@fabrikam.example",
    "product": "Power BI Pro",
    "seats": 5,
    "quote_line": "Power BI Pro",
    "mca_first_name": "Frida",
    "mca_last_name": "Novak",
    "term": "1-Year",
    "annual_reason": "Frida Novak asked for it: the finance team stays, and annual is cheaper.",
}
LITWARE = {
    "customer": "Litware",
    "ticket": "T20261113.0005",
    "requester": TOM,
    "signer": "lena@litware.example",
    "product": "Visio Plan 2",
    "seats": 2,
    "quote_line": "Visio Plan 2",
    "mca_first_name": "Lena",
    "mca_last_name": "Hart",
    "pricing_first": True,
}
POWER_BI = {
    "customer": "Contoso Ltd",
    "ticket": "T20261118.0012",
    "requester": TOM,
    "confirmer": "ben@contoso.example",
    "signer": "ada@contoso.example",
    "why_now": "The auditors want the reports on Monday.",
    "product": "Power BI Pro",
    "seats": 2,
    "quote_line": "Power BI Pro",
    "mca_first_name": "Ada",
    "mca_last_name": "Byte",
}
ONCE = {
    "draft created": 1,
    "envelope sent": 1,
    "order placed": 1,
    "asset created": 1,
    "attachment added": 2,
    "ticket created": 1,
}


def one_order(player: Player, say: Say) -> str:
    """Contoso wants Visio: from the request to the billing notice. Returns the run's id; raises `WentWrong`."""
    began = time.monotonic()

    def tell(text: str) -> None:
        say(f"  {time.monotonic() - began:5.1f} s  {text}")

    run_id = player.start("new-subscription", VISIO, "demo-visio")
    tell("Tom (technician) asks for 3 × Visio Plan 1 for Contoso Ltd")
    player.wait_until_waiting(run_id, "release-1")
    tell("checked everywhere; the agreement is drafted, Roberta (contracts) has the mail")
    player.answer(run_id, action="release", decided_by=ROBERTA)
    run = player.wait_until_waiting(run_id, "signature")
    tell("Roberta releases it; DocuSign sends it to Ada Byte; the process has ended, the run waits")
    if "order placed" in player.effects():
        raise WentWrong("something was ordered before the signature")
    player.sign(player.envelope_of(run))
    tell("Ada signs; DocuSign calls the webhook")
    player.wait_until_done(run_id)
    tell("ordered, provisioned, billing told, documented")
    return run_id


def check(player: Player, say: Say) -> None:
    """What happened outside must be exactly one of everything. Raises `WentWrong`."""
    counted = Counter(player.effects())
    wrong = {name: counted[name] for name, count in ONCE.items() if counted[name] != count}
    if wrong:
        raise WentWrong(f"expected {ONCE}, found {wrong}")
    mails = Counter((mail["subject"], tuple(mail["to"])) for mail in player.mails())
    twice = [mail for mail, count in mails.items() if count > 1]
    if twice:
        raise WentWrong(f"sent twice: {twice}")
    billing = [mail for mail in player.mails() if "begin billing" in mail["subject"]]
    if len(billing) != 1:
        raise WentWrong(f"{len(billing)} mails to billing")
    say("  Outside happened, once each: " + ", ".join(f"{count} {name}" for name, count in ONCE.items()))
    say(f"  {len(mails)} different mails, among them: {billing[0]['subject']}")


def leave_waiting(player: Player, say: Say) -> None:
    """Start three more and leave them to the person in front of the screen."""
    fabrikam = player.start("new-subscription", FABRIKAM, "demo-power-bi")
    litware = player.start("new-subscription", LITWARE, "demo-visio-2")
    day = {"needed_by": f"{player.now() + timedelta(days=5):%Y-%m-%d}"}
    bridge = player.start("bridge", {**POWER_BI, **day}, "demo-bridge")
    player.wait_until_waiting(fabrikam, "release-1")
    player.wait_until_waiting(litware, "pricing")
    say(f"  Fabrikam Inc · Power BI Pro × 5, annual: waits for contracts. In its form you are {ROBERTA}.")
    say("  Litware · Visio Plan 2 × 2: waits for prices. In its form you are matthew@northgate.example.")
    player.wait_until_waiting(bridge, "confirmation-1")
    say("  Contoso Ltd · Power BI Pro × 2, bridge: waits for Ben Okafor's written word. In the console: Mail, choose")
    say("    ben@contoso.example, open the terms, press Answer “I confirm …”. Within seconds the month is bought.")


def fresh_home() -> Path:
    """An empty directory for the demonstration's state; raises `AlreadyRuns` while another one uses it."""
    home = HOME / "demo"
    if find_running(home):
        raise AlreadyRuns(f"A demonstration runs from {home} already.")
    shutil.rmtree(home, ignore_errors=True)
    return home


def main() -> int:
    """Play it on a stack of its own; 0 only if all went right."""
    try:
        with LocalStack(fresh_home(), database_url=database_url_from_shell()) as stack:
            player = Player(stack.prefect_api, stack.sandbox_url)
            print("\nA new subscription:")
            one_order(player, print)
            check(player, print)
            print("\nA customer new to Microsoft 365:")
            new_tenant(player, print, stack.logs)
            print("\nFive bridges, by moving the sandbox's clock:")
            five_bridges(player, print)
            print("\nThree more, as far as they go without a person:")
            leave_waiting(player, print)
            print("\nMore seats for three customers:")
            more_seats(player, print)
            stack.raise_if_ended()
    except (WentWrong, AlreadyRuns, ChildFailed, NoPostgres, UnknownWorkerType) as error:
        print(f"\nIt went wrong: {error}", file=sys.stderr)
        return 1
    print("\nAll went right.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
