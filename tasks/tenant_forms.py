"""The forms of a customer new to Microsoft 365. None of them takes a secret: only who did it (P7, P12)."""

from typing import Any, Literal

from pydantic import Field

from rules.events import Decided, Event, RefusedBy
from tasks.forms import AnswerAgain, WaitForm, optional, position

MAIL_ADDRESS = r"[^@\s]+@[^@\s]+"
NO_WORDS = r"^(|[0-9T:.+Z-]+ reached|changed in IT Glue)$"
"""What may stand in the note of a form that takes no secret: nothing by a person, two sentences by machines."""


def silent(at: int) -> Any:
    """A note that nobody can write into, so that no secret lands in it; Prefect refuses the answer otherwise."""
    text = "Leave it empty. Never type a password or a secret key here: they belong into IT Glue only."
    return Field(default="", description=text, pattern=NO_WORDS, json_schema_extra={"position": at})


class PrefixForm(WaitForm):
    """The onmicrosoft prefix, typed twice (P3)."""

    action: Literal["look again", "use this prefix", "withdraw", "hand over"] = position(
        0, "The prefix can never be changed once it is ordered; a second person confirms it."
    )
    prefix: str = optional(2, "What stands before .onmicrosoft.com: small letters and digits, at most 27.")
    prefix_again: str = optional(3, "The same once more, typed and not copied.")

    def own_event(self, by: str) -> Event:
        if self.prefix.strip() != self.prefix_again.strip():
            raise AnswerAgain("prefix_again: the two are not equal.")
        return Decided(by=by, choice=self.action, why=self.prefix.strip())


class ConfirmPrefixForm(WaitForm):
    """The second person's eyes on the prefix (P3)."""

    action: Literal["look again", "confirm the prefix", "refuse", "withdraw", "hand over"] = position(
        0, "Compare it letter by letter with the customer's website and papers. It can never be changed."
    )
    prefix: str = optional(2, "The prefix, typed once more by you.")

    def own_event(self, by: str) -> Event:
        if self.action == "refuse":
            return RefusedBy(by=by, why=self._why())
        return Decided(by=by, choice=self.action, why=self.prefix.strip())


class CompanyForm(WaitForm):
    """Which of the companies at Pax8 the customer is (P2)."""

    action: Literal["look again", "it is this one", "it is none of them", "withdraw", "hand over"] = position(
        0, "'It is none of them' makes a new company at Pax8."
    )
    company: str = optional(2, "Which company at Pax8, as listed above the form.")

    def own_event(self, by: str) -> Event:
        if self.action == "it is this one":
            if not self.company.strip():
                raise AnswerAgain("company: choose the company.")
            return Decided(by=by, choice=self.action, why=self.company.strip())
        return Decided(by=by, choice=self.action, why=self.note.strip())


class SecretlessForm(WaitForm):
    """What a person did where secrets are: nothing but who it was can be written into it (P7)."""

    decided_by: str = Field(
        description="Your own mail address. You get a mail that says what you decided.",
        pattern=rf"^({MAIL_ADDRESS}|clock|IT Glue|Microsoft)$",
        json_schema_extra={"position": 1},
    )
    note: str = silent(8)
    colleague: str = Field(
        default="",
        description="To hand over: the colleague's mail address.",
        pattern=rf"^({MAIL_ADDRESS})?$",
        json_schema_extra={"position": 9},
    )

    def own_event(self, by: str) -> Event:
        return Decided(by=by, choice=self.action)


class SecuredForm(SecretlessForm):
    """Somebody says that the admin account is secured; IT Glue and Microsoft are looked at (P9)."""

    action: Literal["look again", "it is done", "hand over"] = position(
        0, "'It is done' makes the run look at IT Glue and Microsoft at once; what is missing is named."
    )


class WitnessForm(SecretlessForm):
    """A second named person confirms what no system tells us (P9)."""

    action: Literal["look again", "I have seen it", "it is not so", "hand over"] = position(
        0, "'I have seen it' only after you have tried it yourself; the person who set it up can't confirm it."
    )


class WhoForm(SecretlessForm):
    """Who set the admin account up says so himself, where IT Glue or Microsoft showed it before anybody did (P9)."""

    action: Literal["look again", "I did it", "hand over"] = position(
        0, "'I did it' only from the one who did: whoever it was can't confirm afterwards that it is done."
    )


class InviteForm(WaitForm):
    """A relationship that did not come about as it should (P8)."""

    action: Literal["look again", "invite again", "hand over"] = position(
        0, "'Invite again' makes a new relationship and mails its link. Speak with whoever approves it first."
    )

    def own_event(self, by: str) -> Event:
        return Decided(by=by, choice=self.action, why=self.note.strip())


class SeenForm(WaitForm):
    """What Microsoft shows when it has happened; nobody's word ends it, and nothing is taken back by it."""

    action: Literal["look again", "hand over"] = position(0, "'Look again' asks Microsoft at once.")
