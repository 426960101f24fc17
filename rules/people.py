"""The people of a procedure: our staff, and the customer's contacts with the two rights they may hold."""

from decimal import Decimal

from rules.order import Frozen


class Person(Frozen):
    """One of ours, as Autotask or the settings know them."""

    name: str
    email: str
    phone: str = ""

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


class AuthorisedContact(Frozen):
    """One of the customer's people. To confirm and to sign are two separate rights (clauses, Roles).

    `first_term_limit`: the highest value of a first term this contact may sign for; None: no limit.
    """

    name: str
    email: str
    may_confirm: bool
    may_sign: bool
    first_term_limit: Decimal | None = None


def same_address(one: str, other: str) -> bool:
    """Whether two mail addresses are the same mailbox, as mail treats them in practice: case does not count.

    Of plain letters only: 'straße' and 'strasse' are two mailboxes. An empty address is nobody's.
    """
    return bool(one.strip()) and _mailbox(one) == _mailbox(other)


def _mailbox(address: str) -> str:
    address = address.strip()
    return address.lower() if address.isascii() else address
