"""What every request about licences that a customer has is about: more seats, an end (S1, P18)."""

from rules.order import Filled, Frozen
from rules.people import AuthorisedContact, Person
from rules.request import Customer


class Asker(Frozen):
    """Customer, ticket and product; who asks, and who of the customer confirms."""

    customer: Customer
    ticket_id: int
    ticket_number: str
    requester: Person
    senior: Person
    contact: AuthorisedContact
    product_id: Filled
    product_name: Filled


class Asking(Asker):
    """A request that passed every check, of one run. Persisted; grows only. `currency`: of every price in it."""

    reference: Filled
    run_id: str
    currency: str

    @property
    def title(self) -> str:
        """What it is called: customer, and what is asked for."""
        raise NotImplementedError
