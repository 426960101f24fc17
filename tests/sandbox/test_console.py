"""The console's pages over real HTTP: they show what is there, and their buttons are control requests that exist."""

import html
import json
import re

import pytest

from tests.sandbox.conftest import Served
from tests.sandbox.test_docusign import created
from tests.sandbox.test_pax8 import Shop

PAGES = ("/", "/inbox", "/contracts", "/licences", "/tickets", "/assets", "/mail", "/levers", "/ledger")


def buttons(page: str) -> list[dict[str, str]]:
    """Every button of a page that makes a control request, as its attributes."""
    found = []
    for tag in re.findall(r"<button\b[^>]*>", page):
        attributes = {k: html.unescape(v) for k, _, v in re.findall(r"([\w-]+)=(['\"])(.*?)\2", tag, re.S)}
        if "data-url" in attributes:
            found.append(attributes)
    return found


def press(sandbox: Served, page: str, action: str, url: str = "", **more: object) -> None:
    """Presses the first button of that action, as the page's script would; with `url`, one that goes there."""
    shown = buttons(sandbox.http.get(page).text)
    button = next(b for b in shown if b["data-action"] == action and url in b["data-url"])
    body = {**more, **json.loads(button.get("data-body", "{}"))}
    answer = sandbox.http.request(button.get("data-method", "POST"), button["data-url"], json=body)
    assert answer.is_success, answer.text


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_a_fresh_world(sandbox: Served, page: str) -> None:
    """Nothing has happened yet, and no page minds; each shows the time and the way to the others."""
    answer = sandbox.http.get(page)
    assert answer.status_code == 200
    assert all(f'href="{other}"' in answer.text for other in PAGES)
    assert 'id="clock-business-day"' in answer.text


@pytest.mark.parametrize("name", ["console.css", "console.js", "icon.svg"])
def test_the_pages_own_files_are_served(sandbox: Served, name: str) -> None:
    """No file comes from anywhere else; the browser is never kept waiting."""
    answer = sandbox.http.get(f"/static/{name}", timeout=5)
    assert answer.status_code == 200 and answer.content
    assert "//" not in re.findall(r'(?:src|href)="([^"]+)"', sandbox.http.get("/").text)[0]


def test_the_start_page_says_what_to_do_and_who_is_there(sandbox: Served) -> None:
    """Somebody who has never seen it finds the customers, their tickets and what is special about each."""
    page = html.unescape(sandbox.http.get("/").text)
    for words in ("You are the customer", "Contoso Ltd", "T20261118.0012", "Two Microsoft tenants."):
        assert words in page


def test_a_customer_signs_by_a_button(sandbox: Served) -> None:
    """The agreement shows its fields like a paper; signing twice (customer, then ours) completes it."""
    key = created(sandbox, sandbox.docusign(), status="sent")
    page = sandbox.http.get("/inbox").text
    assert "Visio Plan 1" in page and f'data-envelope="{key}"' in page and 'id="sign-customer"' in page
    press(sandbox, f"/inbox?envelope={key}", "sign")
    page = sandbox.http.get("/inbox").text
    assert 'id="sign-msp"' in page and 'id="sign-customer"' not in page
    press(sandbox, f"/inbox?envelope={key}", "sign")
    assert len(sandbox.effects("envelope completed")) == 1
    assert "everybody has signed" in sandbox.http.get("/inbox").text
    for paper in ("combined", "certificate"):
        assert sandbox.http.get(f"/papers/{key}/{paper}.pdf").content.startswith(b"%PDF")


@pytest.mark.parametrize(
    ("action", "effect"),
    [
        ("decline", "envelope declined"),
        ("bounce", "signer bounced"),
        ("view", "envelope viewed"),
        ("void", "envelope voided"),
        ("expire", "envelope expired"),
    ],
)
def test_everything_else_that_can_happen_to_an_envelope_has_a_button(sandbox: Served, action: str, effect: str) -> None:
    """Each does what it says."""
    created(sandbox, sandbox.docusign(), status="sent")
    press(sandbox, "/inbox", action)
    assert sandbox.effects(effect)


def test_contracts_see_drafts_and_can_send_or_delete_them(sandbox: Served) -> None:
    """A draft is on the contracts' page and not in the customer's inbox."""
    key = created(sandbox, sandbox.docusign())
    assert key in sandbox.http.get("/contracts").text and key not in sandbox.http.get("/inbox").text
    press(sandbox, "/contracts", "edit", tabs={"Seats1": "8"})
    press(sandbox, "/contracts", "send")
    assert key in sandbox.http.get("/inbox").text
    created(sandbox, sandbox.docusign())
    press(sandbox, "/contracts", "delete")
    assert len(sandbox.effects("draft deleted")) == 1


def test_licences_show_subscriptions_orders_and_booked_ends(sandbox: Served) -> None:
    """An order appears at its customer at once, pending until it is provisioned, by a button if need be."""
    shop = Shop(sandbox)
    sandbox.control("pax8/provisioning", {"mode": "stuck"})
    order = shop.api.post("/orders", json=shop.order()).json()
    place = f"/licences?company={shop.company()['id']}"
    page = sandbox.http.get(place).text
    assert order["id"] in page and "PendingManual" in page
    press(sandbox, place, "settle")
    assert "PendingManual</span>" not in sandbox.http.get(place).text


def test_a_note_can_be_written_as_the_customer(sandbox: Served) -> None:
    """It stands under the ticket, marked as the customer's."""
    place = "/tickets?ticket=T20261118.0012"
    press(sandbox, place, "note", email="ada@contoso.example", title="Confirmation", description="Yes & please")
    page = sandbox.http.get(place).text
    assert "Ada Byte (customer)" in page and "Yes &amp; please" in page


def test_mails_are_rendered_and_can_be_answered(sandbox: Served) -> None:
    """The body is shown in a frame of its own without scripts; the answer joins the conversation."""
    mail = {
        "from": "ada@contoso.example",
        "subject": "Visio",
        "html": "<p>Hello <b>there</b></p><script>x</script>",
    }
    sandbox.control("mails", mail)
    page = sandbox.http.get("/mail").text
    assert "&lt;b&gt;there&lt;/b&gt;" in page and 'sandbox="allow-same-origin allow-popups"' in page
    press(sandbox, "/mail", "reply", **{"from": "ada@contoso.example", "text": "One more thing"})
    first, second = sandbox.control("mails", method="GET")["mails"]
    assert second["subject"] == "RE: Visio" and second["conversation_id"] == first["conversation_id"]
    assert "Visio" in sandbox.http.get("/mail", params={"person": "ada@contoso.example"}).text
    assert sandbox.http.get("/attachments/mails/none").status_code == 404


def test_a_mail_that_offers_a_sentence_is_answered_with_it_by_one_click(sandbox: Served) -> None:
    """The button shows the sentence; the answer is exactly that, from the mail's recipient."""
    offer = "<p>Terms.</p><p data-sentence>I confirm CS-1: 3 × <b>Visio</b>\n Plan 1</p><p>Kind regards</p>"
    sandbox.control("mails", {"from": "ada@contoso.example", "subject": "Terms", "html": offer})
    assert "Answer “I confirm CS-1: 3 × Visio Plan 1”" in html.unescape(sandbox.http.get("/mail").text)
    press(sandbox, "/mail", "reply-sentence")
    answer = sandbox.control("mails", method="GET")["mails"][-1]
    assert (answer["from"], answer["subject"]) == ("ada@contoso.example", "RE: Terms")
    assert answer["html"].count("I confirm CS-1") == 2, "its own words, and what it quotes"
    press(sandbox, f"/mail?message={answer['id']}", "reply-automatic")
    assert sandbox.control("mails", method="GET")["mails"][-1]["subject"].startswith("Automatic reply: ")


def test_our_own_people_write_notes_and_attach_messages(sandbox: Served) -> None:
    """The page tells theirs from the customer's."""
    place = "/tickets?ticket=T20261118.0012"
    press(sandbox, place, "our-note", resource="tom@northgate.example", title="Called", description="Wants three")
    eml = {"from": "ada@contoso.example", "subject": "Visio", "text": "I confirm"}
    press(sandbox, place, "attach", resource="tom@northgate.example", eml=eml)
    page = sandbox.http.get(place).text
    assert "Tom Reyes" in page and "(customer)" not in page and "message.eml" in page


def test_the_clock_and_faults_have_buttons(sandbox: Served) -> None:
    """Every lever on the page is one that the control knows."""
    sandbox.control("faults", {"kind": "429", "vendor": "pax8"})
    press(sandbox, "/levers", "cancel-fault")
    assert sandbox.control("faults", method="GET")["faults"] == []
    press(sandbox, "/levers", "clock")
    assert sandbox.control("clock", method="GET")["offset_seconds"] > 3500
    press(sandbox, "/levers", "clock-local", local="2030-01-15T23:59")
    assert sandbox.control("clock", method="GET")["local"].startswith("2030-01-15T23:59")
    for action in ("connect", "provisioning", "booked-end", "order-fault"):
        more = {"kind": "429"} if action == "order-fault" else {}
        press(sandbox, "/levers", action, **more)
    press(sandbox, "/levers", "reset")
    assert sandbox.effects() == []


def test_the_ledger_page_filters_and_marks_what_went_wrong(sandbox: Served) -> None:
    """Faults and unknown paths stand out; reads can be left out."""
    sandbox.http.get("/graph/v9/nothing")
    sandbox.control("faults", {"kind": "500-before", "vendor": "pax8"})
    sandbox.http.get("/pax8/v1/companies")
    page = sandbox.http.get("/ledger").text
    assert "unknown path" in page and "500-before" in page
    assert "unknown path" not in sandbox.http.get("/ledger", params={"vendor": "pax8"}).text
    assert "/graph/v9" not in sandbox.http.get("/ledger", params={"effects": "1"}).text


def test_what_a_vendor_wrote_cannot_run_on_the_page(sandbox: Served) -> None:
    """Names from outside are escaped everywhere they are shown."""
    people = {
        "customer": {"name": "<script>alert(1)</script>", "email": "ada@contoso.example"},
        "msp": {"name": "Roberta Vale", "email": "roberta@northgate.example"},
    }
    sandbox.control("envelopes", {**people, "send": True})
    for page in ("/", "/inbox", "/ledger"):
        assert "<script>alert" not in sandbox.http.get(page).text
