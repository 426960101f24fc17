"""A customer without Microsoft 365, from the request to the secured and delegated tenant: played over HTTP, checked."""

import secrets
import time
from pathlib import Path
from typing import Any

from deployments.player import Player, Say, WentWrong

TOM, SAM = "tom@northgate.example", "sam@northgate.example"
ROBERTA = "roberta@northgate.example"
PREFIX = "munsonspickles"
DOMAIN = f"{PREFIX}.onmicrosoft.com"
MUNSON = {
    "customer": "Munson's Pickles and Preserves Farm",
    "ticket": "T20261109.0004",
    "requester": TOM,
    "signer": "walt.munson@mail.example",
    "product": "Microsoft 365 Business Premium",
    "seats": 3,
    "quote_line": "Microsoft 365 Business Premium",
    "mca_first_name": "Walt",
    "mca_last_name": "Munson",
    "licence_users": "walt.munson@mail.example",
    "new_tenant": True,
}
ONCE = ("company created", "contact created", "relationship created", "relationship locked", "access assigned")


class Play:
    """One road of a new customer, step by step, beside the others. `tell` says what happens."""

    def __init__(self, player: Player, say: Say) -> None:
        self.player = player
        self.began = time.monotonic()
        self._say = say
        self.secrets = {
            "the admin's password": f"Dill-{secrets.token_hex(8)}",
            "the secret key": "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(32)),
        }

    def tell(self, text: str) -> None:
        self._say(f"  {time.monotonic() - self.began:5.1f} s  {text}")

    def order(self) -> str:
        """Requested, released, signed, named by two, ordered; returns the run that sets the tenant up."""
        player = self.player
        run_id = player.start("new-subscription", MUNSON, "demo-munson")
        self.tell("Tom asks for 3 × Business Premium for Munson's farm, which has no Microsoft 365 at all")
        player.wait_until_waiting(run_id, "release-1")
        player.answer(run_id, action="release", decided_by=ROBERTA)
        player.sign(player.envelope_of(player.wait_until_waiting(run_id, "signature")))
        player.wait_until_waiting(run_id, "prefix-1")
        if "company created" in player.effects():
            raise WentWrong("something was made for the farm before the signature")
        player.answer(run_id, action="use this prefix", decided_by=TOM, prefix=PREFIX, prefix_again=PREFIX)
        player.wait_until_waiting(run_id, "prefix-confirmed-1")
        player.answer(run_id, action="confirm the prefix", decided_by=SAM, prefix=PREFIX)
        self.tell(f"Walt signs; Tom types {PREFIX} twice, and Sam (senior) once more: it can never be changed")
        player.wait_until_done(run_id)
        self.tell("company made at Pax8, ordered, billing told, provisioned with a tenant of its own")
        [set_up] = player.runs_tagged(f"set-up-of:{player.reference_of(player.run(run_id))}")
        return str(set_up["id"])

    def set_up(self, run_id: str) -> None:
        """Admin account secured by Sam, rights approved, roles assigned, all documented."""
        player = self.player
        player.wait_until_waiting(run_id, "admin-account")
        self.tell("two records in IT Glue with placeholders; the key restricted to senior staff, related")
        self.store()
        player.answer(run_id, action="it is done", decided_by=SAM)
        run = player.wait_until_waiting(run_id, "gdap-1")
        self.tell("Sam changes the password, enrols the second factor, stores both; IT Glue shows it")
        player.approve(next(tag.removeprefix("gdap:") for tag in run["tags"] if tag.startswith("gdap:")))
        player.look_until(run_id, "gdap-roles")
        player.look_until(run_id, "")
        self.tell("the relationship is approved; our group holds its roles; Microsoft and IT Glue show it all")

    def store(self) -> None:
        """The senior colleague's work at Microsoft and in IT Glue."""
        password, key = self.secrets["the admin's password"], self.secrets["the secret key"]
        time.sleep(1.1)  # Microsoft tells whole seconds
        self.player.lever(f"graph/users/admin@{DOMAIN}/token", {})
        for record in self.player.records("itglue.passwords"):
            if record["name"].endswith(DOMAIN):
                is_key = record["password-category-id"] == 16
                stored = {"password": key} if is_key else {"password": password, "otp_secret": key}
                self.player.lever(f"itglue/passwords/{record['id']}/store", stored)

    def check(self, logs: Path) -> None:
        """One of everything, and no secret in what worker, receiver and server put out. Raises `WentWrong`."""
        wrong = {name: len(self.player.effects_of(name)) for name in ONCE if len(self.player.effects_of(name)) != 1}
        if wrong:
            raise WentWrong(f"expected one each, found {wrong}")
        shown = {path.name: path.read_bytes().decode(errors="replace") for path in logs.rglob("*") if path.is_file()}
        shown |= {f"mail {mail['subject']}": str(mail) for mail in self.player.mails()}
        leaked = [
            f"{name} in {place}" for place, text in shown.items() for name, s in self.secrets.items() if s in text
        ]
        if leaked or not shown:
            raise WentWrong(f"a secret came out: {leaked or 'there was nothing to look at'}")
        self.tell(f"one of everything; no secret in {len(shown)} logs and mails")


def new_tenant(player: Player, say: Say, logs: Path) -> dict[str, Any]:
    """Play it to its end, and check what is there outside. Raises `WentWrong`."""
    play = Play(player, say)
    run_id = play.order()
    play.set_up(run_id)
    play.check(logs)
    return player.run(run_id)
