"""The Autotask client against the sandbox: the calls of a procedure, from the customer to the closed ticket."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from tests.vendors.conftest import SandboxAddress
from vendors.autotask import Autotask, AutotaskBlock, Company
from vendors.http import NotFound, Refused, Unauthorised, UnclearOutcome


def block(sandbox: SandboxAddress) -> AutotaskBlock:
    credentials = sandbox.credentials["autotask"]
    return AutotaskBlock(
        user_name=credentials["user_name"],
        secret=SecretStr(credentials["secret"]),
        integration_code=SecretStr(credentials["integration_code"]),
        address=credentials["zone_url"],
    )


@pytest.fixture
async def autotask(sandbox: SandboxAddress) -> AsyncIterator[Autotask]:
    async with block(sandbox).client() as client:
        yield client


@pytest.fixture
async def contoso(autotask: Autotask) -> Company:
    return next(c for c in await autotask.companies_named("Contoso Ltd") if c.name == "Contoso Ltd")


@pytest.fixture
def key() -> str:
    return f"T-{uuid.uuid4().hex[:12]}"


async def new_ticket(autotask: Autotask, company: Company, key: str) -> int:
    return await autotask.create_ticket(
        company_id=company.id,
        title=f"Bridge licences: cancel unless signed [{key}]",
        status="New",
        priority="High",
        queue="Licensing",
        external_id=key,
    )


async def test_check_says_in_one_line_who_works(sandbox: SandboxAddress) -> None:
    """The block's own check, as `make check` runs it."""
    line = await block(sandbox).check()
    assert line.startswith("Autotask works as ")
    assert "\n" not in line


async def test_check_says_that_a_secret_is_wrong_without_showing_it(sandbox: SandboxAddress) -> None:
    """A zone look-up proves nothing; the first call does."""
    wrong = block(sandbox).model_copy(update={"secret": SecretStr("wr0ng-secret")})
    with pytest.raises(Unauthorised) as denied:
        await wrong.check()
    assert "wr0ng-secret" not in str(denied.value) + repr(denied.value)
    assert "wr0ng-secret" not in repr(wrong) + str(wrong)


async def test_a_company_is_found_by_name_exact_ones_first_near_ones_after(autotask: Autotask) -> None:
    """So that a near miss can be answered with the closest ones."""
    exact = await autotask.companies_named("contoso ltd")
    assert exact[0].name == "Contoso Ltd"
    near = await autotask.companies_named("Contoso Limited")
    assert "Contoso Ltd" in [company.name for company in near]
    assert await autotask.companies_named("  ") == []
    assert await autotask.companies_named("Nobody Knows Them") == []
    assert await autotask.company(exact[0].id) == exact[0]


async def test_a_company_is_found_however_many_have_a_name_like_it(autotask: Autotask, sandbox: SandboxAddress) -> None:
    """Sixty others share its longest word, all of them older: it is found all the same."""
    [contoso] = [one for one in await autotask.companies_named("Contoso Ltd") if one.name == "Contoso Ltd"]
    kept = sandbox.control("GET", f"records/autotask.companies/{contoso.id}")
    for number in range(60):
        name = "Like It Bookkeepers" if number == 59 else f"Bookkeepers {number}"
        made = {**kept, "id": 900_000 + number, "companyName": name}
        sandbox.control("PUT", f"records/autotask.companies/{900_000 + number}", made)
    found = await autotask.companies_named("Like It Bookkeepers")
    for number in range(60):
        sandbox.control("DELETE", f"records/autotask.companies/{900_000 + number}")
    assert [company.name for company in found][:1] == ["Like It Bookkeepers"]


async def test_a_contact_is_found_by_address_within_its_company_with_its_own_fields(
    autotask: Autotask, contoso: Company
) -> None:
    """Rights can be the tenant's own fields; somebody of another company is nobody here."""
    ada = await autotask.contact_by_email(contoso.id, "ADA@contoso.example")
    assert ada is not None
    assert (ada.name, ada.active) == ("Ada Byte", True)
    assert ada.udf["May sign agreements"] == "Yes"
    assert ada in await autotask.contacts(contoso.id)
    assert await autotask.contact(ada.id) == ada
    assert await autotask.contact_by_email(contoso.id, "frida@fabrikam.example") is None


async def test_an_inactive_technician_is_returned_as_inactive(autotask: Autotask) -> None:
    """Whoever asks must see it, rather than hear that there is nobody."""
    tom = await autotask.resource_by_email("Tom@northgate.example")
    ivy = await autotask.resource_by_email("ivy@northgate.example")
    assert tom is not None
    assert ivy is not None
    assert (tom.active, ivy.active) == (True, False)
    assert await autotask.resource(tom.id) == tom
    assert await autotask.resource_by_email("stranger@northgate.example") is None


async def test_a_ticket_lives_from_creation_to_completion(
    autotask: Autotask, contoso: Company, key: str, sandbox: SandboxAddress
) -> None:
    """Found by our key before and after, assigned with a valid role, changed by PATCH, completed by label."""
    tom = await autotask.resource_by_email("tom@northgate.example")
    kim = await autotask.resource_by_email("kim@northgate.example")
    assert tom is not None
    assert kim is not None
    assert await autotask.ticket_by_external_id(key) is None
    due = datetime(2027, 1, 29, 15, 30, tzinfo=UTC)
    ticket_id = await autotask.create_ticket(
        company_id=contoso.id,
        title="Reminder",
        status="New",
        priority="High",
        external_id=key,
        description="Plain text",
        due_at=due,
        assigned_resource_id=tom.id,
        assigned_role_id=await autotask.service_desk_role(tom.id),
    )
    second = await autotask.add_secondary_resource(ticket_id, kim.id, await autotask.service_desk_role(kim.id))
    assert second == await autotask.add_secondary_resource(ticket_id, kim.id, 0)
    assert [one.resource_id for one in await autotask.secondary_resources(ticket_id)] == [kim.id]

    status = await autotask.picklist("Tickets", "status")
    ticket = await autotask.ticket(ticket_id)
    assert (ticket.external_id, ticket.due_at, ticket.status) == (key, due, status["New"])
    assert ticket.created_at is not None
    assert ticket.created_at.tzinfo is not None

    place = sandbox.place()
    await autotask.update_ticket(ticket_id, status="Complete", resolution="Signed.")
    done = await autotask.ticket_by_external_id(key)
    assert done is not None
    assert (done.status, done.resolution, done.title) == (status["Complete"], "Signed.", "Reminder")
    assert done.completed_at is not None
    assert await autotask.ticket_by_number(done.number) == done
    writes = [entry for entry in sandbox.ledger("autotask", place) if entry["method"] == "PATCH"]
    assert [entry["path"].rsplit("/", 1)[-1] for entry in writes] == ["Tickets"]


async def test_notes_and_files_are_found_again_on_their_ticket(autotask: Autotask, contoso: Company, key: str) -> None:
    """By ticket, and notes by the beginning of their title on whichever ticket; case counts."""
    ticket_id = await new_ticket(autotask, contoso, key)
    note_id = await autotask.add_note(ticket_id, f"[{key}] used", "Text", "Task Notes", "Internal Project Team")
    (note,) = await autotask.notes(ticket_id)
    assert (note.id, note.title, note.description) == (note_id, f"[{key}] used", "Text")
    assert note.created_by_contact_id is None
    assert await autotask.notes_titled(f"[{key}]") == [note]
    assert await autotask.notes_titled(f"[{key.lower()}]", ticket_id) == []

    file_id = await autotask.attach(ticket_id, "Signed agreement", "agreement.pdf", b"%PDF-1.7", "All Autotask Users")
    (file,) = await autotask.attachments(ticket_id)
    assert (file.id, file.title, file.file_name, file.size) == (
        file_id,
        "Signed agreement",
        "agreement.pdf",
        8,
    )


@pytest.mark.parametrize("place", ["child", "root"])
async def test_a_files_bytes_come_back_as_they_were_attached(
    autotask: Autotask, contoso: Company, key: str, sandbox: SandboxAddress, place: str
) -> None:
    """Below the ticket or at the root, wherever Autotask keeps them; and who attached it, and when."""
    sandbox.control("POST", "settings", {"autotask.attachment_content": place})
    try:
        ticket_id = await new_ticket(autotask, contoso, key)
        other = await new_ticket(autotask, contoso, f"{key}-2")
        content = bytes(range(256)) * 20
        file_id = await autotask.attach(ticket_id, "Mail", "mail.eml", content, "All Autotask Users")
        assert await autotask.attachment_content(ticket_id, file_id) == content
        with pytest.raises(NotFound):
            await autotask.attachment_content(other, file_id)
        with pytest.raises(NotFound):
            await autotask.attachment_content(ticket_id, 1)
    finally:
        sandbox.control("POST", "settings", {"autotask.attachment_content": "child"})


async def test_notes_and_files_say_who_made_them_and_when(
    autotask: Autotask, contoso: Company, key: str, sandbox: SandboxAddress
) -> None:
    """The customer's contact in the portal, one of ours in the service desk, or this integration (B3)."""
    ticket = await autotask.ticket(await new_ticket(autotask, contoso, key))
    ada = await autotask.contact_by_email(contoso.id, "ada@contoso.example")
    tom = await autotask.resource_by_email("tom@northgate.example")
    assert ada is not None and tom is not None
    for who in ({"email": ada.email}, {"resource": tom.email}):
        on_ticket = {"ticketNumber": ticket.number, **who}
        sandbox.control("POST", "autotask/notes", on_ticket | {"title": "Yes", "description": "I confirm"})
        eml = {"from": ada.email, "subject": "Yes", "text": "I confirm"}
        sandbox.control("POST", "autotask/attachments", on_ticket | {"eml": eml})
    await autotask.add_note(ticket.id, "Ours", "Text", "Task Notes", "Internal Project Team")
    await autotask.attach(ticket.id, "Ours", "a.pdf", b"%PDF", "All Autotask Users")

    notes, files = await autotask.notes(ticket.id), await autotask.attachments(ticket.id)
    for made in (notes, files):
        assert [one.created_by_contact_id for one in made] == [ada.id, None, None]
        assert [one.creator_resource_id for one in made][:2] == [None, tom.id]
        assert made[2].creator_resource_id not in (None, tom.id)
        assert {one.impersonator_resource_id for one in made} == {None}
    assert all(one.created_at and one.last_activity_at == one.created_at for one in notes)
    assert all(one.attached_at and one.attached_at.tzinfo for one in files)
    assert b"I confirm" in await autotask.attachment_content(ticket.id, files[0].id)


async def test_a_notes_own_files_are_read_by_the_note(
    autotask: Autotask, contoso: Company, key: str, sandbox: SandboxAddress
) -> None:
    """They are none of the ticket's, and of no other note."""
    ticket = await autotask.ticket(await new_ticket(autotask, contoso, key))
    by_ada = {"ticketNumber": ticket.number, "email": "ada@contoso.example"}
    sandbox.control("POST", "autotask/notes", by_ada | {"title": "See file", "description": "-"})
    sandbox.control("POST", "autotask/notes", by_ada | {"title": "Another", "description": "-"})
    first, second = await autotask.notes(ticket.id)
    sandbox.control("POST", "autotask/attachments", by_ada | {"noteId": first.id, "data": "WWVz", "fileName": "a.txt"})
    (file,) = await autotask.note_attachments(first.id)
    assert (file.note_id, file.file_name, file.created_by_contact_id) == (
        first.id,
        "a.txt",
        first.created_by_contact_id,
    )
    assert await autotask.note_attachments(second.id) == await autotask.attachments(ticket.id) == []
    assert await autotask.note_attachment_content(first.id, file.id) == b"Yes"
    with pytest.raises(NotFound):
        await autotask.note_attachment_content(second.id, file.id)


async def test_inactive_and_missing_labels_are_refused_by_name(autotask: Autotask, contoso: Company, key: str) -> None:
    """A configured label that the tenant has no longer must not become somebody's guess."""
    assert "Old Help Desk" not in await autotask.picklist("Tickets", "queueID")
    with pytest.raises(Refused, match="only an inactive value labelled 'Old Help Desk'"):
        await autotask.picklist_id("Tickets", "queueID", "Old Help Desk")
    with pytest.raises(Refused, match=r"no value labelled 'Urgent'.*High"):
        await autotask.create_ticket(company_id=contoso.id, title="T", status="New", priority="Urgent", external_id=key)
    with pytest.raises(Refused, match="no picklist field 'colour'"):
        await autotask.picklist("Tickets", "colour")
    assert await autotask.ticket_by_external_id(key) is None


async def test_what_autotask_refuses_keeps_its_words(autotask: Autotask, contoso: Company, key: str) -> None:
    """Validation faults and missing records, told apart though one is a 500 and the other a 200."""
    ticket_id = await new_ticket(autotask, contoso, key)
    with pytest.raises(Refused) as refused:
        await autotask.update_ticket(ticket_id, title="x" * 300)
    assert refused.value.status == 500
    assert "255" in refused.value.message
    with pytest.raises(NotFound):
        await autotask.ticket(1)


async def test_an_unclear_create_is_not_repeated_and_the_key_finds_it(
    autotask: Autotask, contoso: Company, key: str, sandbox: SandboxAddress
) -> None:
    """The answer gets lost after the effect: one ticket, and the look-up by key says so."""
    await autotask.picklist("Tickets", "status")
    fault = {"vendor": "autotask", "method": "POST", "path": ".*/Tickets$", "kind": "drop-after", "times": 1}
    sandbox.control("POST", "faults", fault)
    with pytest.raises(UnclearOutcome):
        await new_ticket(autotask, contoso, key)
    found = await autotask.ticket_by_external_id(key)
    assert found is not None


async def test_reads_ride_out_a_short_throttling(autotask: Autotask, sandbox: SandboxAddress) -> None:
    """A 429 with Retry-After is waited for."""
    fault = {"vendor": "autotask", "path": ".*/Companies/.*", "kind": "429", "times": 1, "retry_after": 0.05}
    sandbox.control("POST", "faults", fault)
    assert await autotask.companies_named("Contoso Ltd")


async def test_companies_and_tickets_by_the_beginning_of_our_key_come_in_lists(
    autotask: Autotask, contoso: Company
) -> None:
    """A finished ticket is left out."""
    assert contoso in await autotask.companies()
    prefix = f"CS-LIST-{uuid.uuid4().hex[:8]}"
    one, other = [await new_ticket(autotask, contoso, f"{prefix}:{part}") for part in ("bridge", "end")]
    assert {t.id for t in await autotask.tickets_with_key(prefix, "Complete")} == {one, other}
    await autotask.update_ticket(one, status="Complete", resolution="Done.")
    assert [t.id for t in await autotask.tickets_with_key(prefix, "Complete")] == [other]
