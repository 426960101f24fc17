"""One procedure under way: its reference, memory, case file and the people concerned."""

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Cancelled

from rules.order import Frozen
from rules.people import Person
from rules.refusal import Refused
from rules.request import CheckedRequest
from rules.tenant import initial_domain
from tasks import casefile
from tasks.casefile import Awaited, CaseFile, Entry
from tasks.journal import Journal
from tasks.letters import Letter
from tasks.mail import SentMail, send_letter
from tasks.office import office
from tasks.runs import PROCEDURE, set_tags
from tasks.tickets import note_stage

ADOPTED = "adopted-reference"
AT_MICROSOFT = ("gdap-awaited", "gdap:", "microsoft-awaited")
IN_ITGLUE = ("itglue-awaited", "itglue:", "itglue-seen:")
OF_ONE_WAIT = ("wait:", "until:", "role:", "since:", *AT_MICROSOFT, *IN_ITGLUE)
"""How tags begin that say what a run waits for at the moment: no later wait inherits them."""


class Ended(Exception):
    """The procedure is over without an order: declined, voided, expired, withdrawn, refused by a person.

    `name` becomes the name of the run's state: neither a crash nor a success.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.message = message


def reference_of(run_id: UUID) -> str:
    """The procedure's reference, `CS-` and ten characters, derived from the run so that it never changes."""
    digest = hashlib.sha256(run_id.bytes).digest()
    return "CS-" + base64.b32encode(digest)[:10].decode()


def owner_of(journal: Journal) -> Person | None:
    """The colleague to whom a procedure was handed over last, by its memory; None: it is still the requester's."""
    moved = journal.starting("handed-over-")
    if not moved:
        return None
    latest = moved[max(moved)]
    return Person(name=latest["name"], email=latest["email"], phone=latest.get("phone", ""))


class Subject(Frozen):
    """What a run that has no request of its own is about: whose ticket, what it is called, who answers for it."""

    title: str
    ticket_id: int
    ticket_number: str
    requester: Person
    facts: tuple[tuple[str, str], ...] = ()


class Case:
    """The state of one run as its flow sees it. Everything kept is kept in the journal, the tickets and Prefect.

    `leg` tells two purchases of one procedure apart, a bridge and the annual term after it: waits, letters, stages
    and memories of the second are named after it.
    """

    def __init__(self, run_id: UUID, tags: set[str], journal: Journal) -> None:
        self.run_id = run_id
        self.journal = journal
        self.reference = str(journal.get(ADOPTED) or reference_of(run_id))
        self.tags = tags | {PROCEDURE, f"ref:{self.reference}"}
        self.title = self.reference
        self.facts: tuple[tuple[str, str], ...] = ()
        self.links: dict[str, str] = {}
        self.entries: list[Entry] = []
        self.status = "Checking"
        self.leg = ""
        self._request: CheckedRequest | None = None
        self._subject: Subject | None = None
        self._shown = ""
        self._borne: set[str] | None = None

    @classmethod
    async def open(cls) -> "Case":
        """The case of the running flow run."""
        context = FlowRunContext.get()
        if context is None or context.flow_run is None:
            raise RuntimeError("a case is opened inside a flow run only")
        run = context.flow_run
        kept = {tag for tag in run.tags or [] if not tag.startswith(OF_ONE_WAIT)}
        case = cls(run.id, kept, await Journal.load(run.id))
        case._borne = set(run.tags or [])
        return case

    @property
    def request(self) -> CheckedRequest:
        if self._request is None:
            raise RuntimeError("the request has not been checked yet")
        return self._request

    @request.setter
    def request(self, request: CheckedRequest) -> None:
        self._request = request
        self.title = request.title
        self.facts = facts_of(request)
        settings = office().settings
        self.links.setdefault(f"Ticket {request.ticket_number}", ticket_link(settings.autotask_url, request.ticket_id))

    def about(self, subject: Subject) -> None:
        """Say what a run without a request of its own is about."""
        self._subject = subject
        self.title = subject.title
        self.facts = subject.facts
        link = ticket_link(office().settings.autotask_url, subject.ticket_id)
        self.links.setdefault(f"Ticket {subject.ticket_number}", link)

    @property
    def is_known(self) -> bool:
        """Whether it is known yet what the run is about, and whom to tell."""
        return self._request is not None or self._subject is not None

    @property
    def ticket_id(self) -> int:
        return self._subject.ticket_id if self._subject is not None else self.request.ticket_id

    def name(self, name: str) -> str:
        """A wait's, letter's or memory's name within the present leg."""
        return f"{self.leg}-{name}" if self.leg else name

    @property
    def run_link(self) -> str:
        return f"{office().settings.prefect_url}/runs/flow-run/{self.run_id}"

    @property
    def requester(self) -> Person:
        """Whoever the procedure belongs to now: the requester, or the colleague it was handed to."""
        owner = owner_of(self.journal)
        if owner is not None:
            return owner
        return self._subject.requester if self._subject is not None else self.request.requester

    async def adopt_reference(self, reference: str) -> None:
        """Go on under the reference of a procedure whose run is gone: what it left behind is found by it."""
        self.reference = str(await self.journal.put(ADOPTED, reference))
        self.tags = {tag for tag in self.tags if not tag.startswith("ref:")} | {f"ref:{self.reference}"}

    async def hand_over(self, wait: str, to: Person) -> None:
        """The procedure moves to a colleague: mails and the case file follow (decision 4)."""
        count = len(self.journal.starting("handed-over-"))
        entry = {"name": to.name, "email": to.email, "phone": to.phone, "wait": wait}
        if not any(one.get("wait") == wait for one in self.journal.starting("handed-over-").values()):
            await self.journal.put(f"handed-over-{count + 1:03d}", entry)

    async def show(self, status: str, awaited: Awaited | None = None, problems: tuple[str, ...] = ()) -> None:
        """Rewrite the case file, unless it already says so."""
        self.status = status
        page = CaseFile(
            reference=self.reference,
            title=self.title,
            status=status,
            facts=self.facts,
            links=tuple(self.links.items()),
            entries=tuple(self.entries),
            awaited=awaited,
            problems=problems,
        )
        now = office().clock.now()
        markdown = casefile.render(page, office().settings.calendar, now)
        if markdown != self._shown:
            await casefile.publish(self.journal, page, markdown)
            self._shown = markdown

    async def tag(self, *more: str) -> None:
        """Add tags by which the run is found from outside; unchanged ones cost nothing."""
        if not set(more) <= self.tags:
            self.tags |= set(more)
            await self.bear()

    async def bear(self, of_this_wait: Iterable[str] = ()) -> None:
        """Let the run bear its tags, and those of the wait that begins; nothing is written where it bears them."""
        tags = self.tags | set(of_this_wait)
        if tags != self._borne:
            await set_tags(self.run_id, tags)
            self._borne = tags

    async def untag(self, *gone: str) -> None:
        """Take tags off by which nobody has to find the run any more."""
        if set(gone) & self.tags:
            self.tags -= set(gone)
            await self.bear()

    async def record(self, stage: str, text: str, *, by: str = "", link: str = "", public: bool = False) -> None:
        """Something happened: once into the ticket, and onto the case file (decision 11, I7)."""
        stage = f"{self.leg}: {stage}" if self.leg else stage
        self.entries.append(await note_stage(self.reference, self.ticket_id, stage, text, by, link, public))

    async def send(self, letter: Letter) -> SentMail:
        """Send a letter once, in the present leg."""
        return await send_letter(self.reference, letter.model_copy(update={"kind": self.name(letter.kind)}))

    async def refused(self, refusal: Refused) -> State[None]:
        """End as Refused: the problems on the page and in the state's message."""
        problems = tuple(str(problem) for problem in refusal.problems)
        await self.show("Refused", problems=problems)
        await self.bear()
        return Cancelled(name="Refused", message="Refused, nothing has happened outside:\n" + str(refusal))

    async def ended(self, end: Ended) -> State[None]:
        """End as what it is."""
        await self.show(end.name)
        await self.bear()
        return Cancelled(name=end.name, message=end.message)

    def now(self) -> datetime:
        return office().clock.now()


def ticket_link(autotask_url: str, ticket_id: int) -> str:
    return f"{autotask_url}/Mvc/ServiceDesk/TicketDetail.mvc?ticketId={ticket_id}"


def facts_of(request: CheckedRequest) -> tuple[tuple[str, str], ...]:
    """The request in words, for the case file. Our own cost is not among them (N2)."""
    settings = office().settings
    at_once = "as soon as signed" if request.bridge is None else "as soon as confirmed in writing"
    facts = [
        ("Customer", request.customer.name),
        ("Licences", request.what),
        ("Term", f"{request.term.value}, billed {request.billing.value.lower()}"),
        *bridge_facts(request),
        ("Start", request.start.isoformat() if request.start else at_once),
        ("End", request.end.isoformat() if request.end else "until cancelled"),
        ("Signs", f"{request.signer.name}, {request.signer.email}"),
        ("Requested by", str(request.requester)),
        ("Senior colleague", str(request.senior)),
        ("Microsoft tenant", tenant_in_words(request)),
    ]
    if request.annual_reason:
        facts.append(("Why annual", request.annual_reason))
    facts += [("Also there", notice) for notice in request.notices]
    facts.append(("Contracts", settings.contracts.email))
    return tuple(facts)


def tenant_in_words(request: CheckedRequest) -> str:
    """The customer's tenant, or what is known of the one that comes with the order."""
    customer = request.customer
    if customer.tenant_id:
        return f"{customer.tenant_id} ({customer.tenant_source})"
    return f"new: {initial_domain(customer.prefix)}" if customer.prefix else "new; its name is not settled yet"


def bridge_facts(request: CheckedRequest) -> list[tuple[str, str]]:
    """Why a bridge, and who confirms it (B1)."""
    if request.bridge is None:
        return []
    return [
        ("Bridge", f"a month on the Monthly term first, needed by {request.bridge.needed_by}"),
        ("Why it can't wait", request.bridge.reason),
        ("Confirms", f"{request.bridge.contact.name}, {request.bridge.contact.email}"),
    ]
