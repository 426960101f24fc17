"""The sandbox's core over real HTTP: ledger, clock, faults, records, and its memory over a restart."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from sandbox.clock import Clock, Timers
from sandbox.mail_sentence import offered_sentence
from sandbox.store import Store
from tests.sandbox.conftest import Served

ROOT = Path(__file__).parents[2]


@contextmanager
def process(state: Path) -> Iterator[Served]:
    """`python -m sandbox` as a process of its own, on a free port; killed hard at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--port", str(port), "--state", str(state)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    base = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{base}/_sandbox/clock")
                break
            except httpx.TransportError:
                assert started.poll() is None and time.monotonic() < deadline, "the sandbox didn't start"
                time.sleep(0.02)
        yield Served(base)
    finally:
        os.kill(started.pid, signal.SIGKILL)
        started.wait()


def test_a_killed_sandbox_comes_back_with_everything_it_had_answered(tmp_path: Path) -> None:
    """Records, the ledger, the clock, faults, settings and issued tokens outlive a `kill -9`."""
    state = tmp_path / "state.db"
    with process(state) as first:
        first.control("clock", {"advance_days": 3})
        first.control("faults", {"kind": "429", "vendor": "itglue"})
        first.control("connect", {"mode": "lost"})
        first.control("records/test.things/x", {"id": "x", "name": "Extra"}, "PUT")
        before = first.http.get("/_sandbox/ledger").json()["entries"]
        key = first.credentials["docusign"]["private_key"]
        token = first.pax8().headers["Authorization"]
    with process(state) as second:
        assert second.control("clock", method="GET")["offset_seconds"] == pytest.approx(3 * 86400)
        assert [f["kind"] for f in second.control("faults", method="GET")["faults"]] == ["429"]
        assert second.control("connect", method="GET")["mode"] == "lost"
        assert second.control("records/test.things/x", method="GET")["name"] == "Extra"
        assert second.http.get("/_sandbox/ledger").json()["entries"][: len(before)] == before
        assert second.credentials["docusign"]["private_key"] == key
        answer = second.http.get("/pax8/v1/companies", headers={"Authorization": token})
        assert answer.status_code == 200


def test_the_ledger_lists_every_request_in_order_with_what_it_changed(sandbox: Served) -> None:
    """Reads and refusals are there too, without effects; `effects=1` leaves only the changes."""
    since = sandbox.http.get("/_sandbox/ledger").json()["entries"][-1]["seq"]
    pax8 = sandbox.pax8()
    pax8.get("/companies", params={"size": 1})
    pax8.post("/orders", json={"companyId": "nobody"})
    entries = sandbox.http.get("/_sandbox/ledger", params={"since": since}).json()["entries"]
    assert [(e["method"], e["path"], e["status"]) for e in entries] == [
        ("POST", "/pax8/v1/token", 200),
        ("GET", "/pax8/v1/companies", 200),
        ("POST", "/pax8/v1/orders", 404),
    ]
    assert entries[1]["query"] == {"size": "1"}
    assert entries[2]["body"] == {"companyId": "nobody"}
    assert [e["effects"] for e in entries] == [[], [], []]
    assert sandbox.http.get("/_sandbox/ledger", params={"since": since, "effects": 1}).json()["entries"] == []


def test_the_ledger_holds_no_secret(sandbox: Served) -> None:
    """Token requests are listed with their secrets blanked, issued tokens not at all."""
    sandbox.pax8()
    sandbox.docusign()
    text = sandbox.http.get("/_sandbox/ledger").text
    assert sandbox.credentials["pax8"]["client_secret"] not in text
    assert "eyJ" not in text
    assert "sandbox-pax8-" not in text.replace("sandbox-pax8-client", "")


@pytest.mark.parametrize("vendor", ["docusign", "pax8", "autotask", "itglue", "graph"])
def test_an_unknown_path_is_an_error_in_the_vendors_shape_and_flagged(sandbox: Served, vendor: str) -> None:
    """A path that a vendor doesn't have is refused by that vendor, never by a bare page, and can be found later."""
    key = {"x-api-key": sandbox.credentials["itglue"]["api_key"]}
    answer = sandbox.http.get(f"/{vendor}/no/such/path", headers=key)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/") and answer.json()
    entry = sandbox.http.get("/_sandbox/ledger").json()["entries"][-1]
    assert entry["unknown"] and entry["vendor"] == vendor


def test_a_call_without_a_valid_token_is_refused_in_the_vendors_shape(sandbox: Served) -> None:
    """401 with DocuSign's errorCode, with Pax8's error object."""
    account = sandbox.credentials["docusign"]["account_id"]
    docusign = sandbox.http.get(f"/docusign/restapi/v2.1/accounts/{account}/templates")
    assert (docusign.status_code, docusign.json()["errorCode"]) == (401, "AUTHORIZATION_INVALID_TOKEN")
    pax8 = sandbox.http.get("/pax8/v1/companies", headers={"Authorization": "Bearer made-up"})
    assert (pax8.status_code, pax8.json()["type"]) == (401, "UNAUTHORIZED")


def test_a_token_ages_in_the_sandboxes_time(sandbox: Served) -> None:
    """After 25 hours of sandbox time a Pax8 token is worth nothing."""
    pax8 = sandbox.pax8()
    sandbox.control("clock", {"advance_hours": 25})
    assert pax8.get("/companies").status_code == 401


def test_a_429_says_when_to_come_back_and_does_nothing(sandbox: Served) -> None:
    """Retry-After may be fractional; the fault strikes as often as ordered, then lets requests pass."""
    pax8 = sandbox.pax8()
    sandbox.control("faults", {"vendor": "pax8", "kind": "429", "retry_after": 2.5, "times": 2})
    answers = [pax8.get("/companies") for _ in range(3)]
    assert [a.status_code for a in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "2.5"


def test_a_fault_can_let_some_requests_pass_first_and_be_taken_back(sandbox: Served) -> None:
    """`skip` counts only requests that match; a DELETE cancels what is left."""
    pax8 = sandbox.pax8()
    sandbox.control("faults", {"method": "get", "path": "/companies$", "kind": "500-before", "skip": 1, "times": 9})
    assert [pax8.get(p).status_code for p in ("/companies", "/products", "/companies")] == [200, 200, 500]
    sandbox.control("faults", method="DELETE")
    assert pax8.get("/companies").status_code == 200


def test_a_failure_before_changes_nothing_and_one_after_changes_everything(sandbox: Served) -> None:
    """500-before and 500-after look alike to the caller; only the ledger and the records tell them apart."""
    body = {"firstName": "A", "lastName": "B", "email": "a@b.example", "phone": "1"}
    pax8 = sandbox.pax8()
    company = pax8.get("/companies").json()["content"][0]["id"]
    for kind, made in (("500-before", 0), ("500-after", 1)):
        sandbox.control("faults", {"method": "POST", "path": "/contacts$", "kind": kind})
        answer = pax8.post(f"/companies/{company}/contacts", json=body)
        assert answer.status_code == 500 and answer.json()["type"] == "INTERNAL_SERVER_ERROR"
        assert len(sandbox.effects("contact created")) == made
    faulty = [e for e in sandbox.http.get("/_sandbox/ledger").json()["entries"] if e["fault"]]
    assert [(e["fault"], e["effect"]) for e in faulty] == [
        ("500-before", None),
        ("500-after", "contact created"),
    ]


@pytest.mark.parametrize(("kind", "made"), [("drop-before", 0), ("drop-after", 1)])
def test_a_dropped_connection_answers_nothing_at_all(sandbox: Served, kind: str, made: int) -> None:
    """The caller sees a closed socket, not a 500; whether the work was done only the ledger knows."""
    body = {"firstName": "A", "lastName": "B", "email": "a@b.example", "phone": "1"}
    pax8 = sandbox.pax8()
    company = pax8.get("/companies").json()["content"][0]["id"]
    sandbox.control("faults", {"method": "POST", "kind": kind, "vendor": "pax8"})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        pax8.post(f"/companies/{company}/contacts", json=body)
    assert len(sandbox.effects("contact created")) == made
    assert sandbox.http.get("/_sandbox/ledger").json()["entries"][-1]["status"] is None


def test_a_slow_answer_comes_late_but_comes(sandbox: Served) -> None:
    """The wait is real time; a caller with a shorter patience gives up."""
    pax8 = sandbox.pax8()
    sandbox.control("faults", {"vendor": "pax8", "kind": "slow", "seconds": 0.6, "times": 2})
    with pytest.raises(httpx.ReadTimeout):
        pax8.get("/companies", timeout=0.1)
    began = time.monotonic()
    assert pax8.get("/companies").status_code == 200
    assert time.monotonic() - began >= 0.6


@pytest.mark.parametrize("wrong", [{"kind": "explode"}, {"kind": "429", "colour": "red"}, {"kind": "429", "path": "("}])
def test_a_fault_that_makes_no_sense_is_refused(sandbox: Served, wrong: dict[str, str]) -> None:
    """Unknown kinds, unknown fields and broken patterns are a 400 that says why."""
    answer = sandbox.http.post("/_sandbox/faults", json=wrong)
    assert answer.status_code == 400 and answer.json()["error"]


def test_the_clock_moves_by_amounts_to_moments_and_to_the_next_business_day(sandbox: Served) -> None:
    """The next business day begins at nine in the MSP's zone, after a weekend on Monday."""
    friday = sandbox.control("clock", {"now": "2026-12-04T23:30:00-05:00"})
    assert friday["now"].startswith("2026-12-05T04:30:0")
    monday = sandbox.control("clock", {"to": "next-business-day"})
    assert monday["local"].startswith("2026-12-07T09:00:0")
    assert sandbox.control("clock", {"advance_seconds": 90})["local"].startswith("2026-12-07T09:01:3")
    assert abs(sandbox.control("clock", {"to": "real"})["offset_seconds"]) < 1


@pytest.mark.parametrize("wrong", [{}, {"now": "2026-12-04T10:00:00"}, {"now": "soon"}, {"later": 3}])
def test_a_clock_request_that_makes_no_sense_is_refused(sandbox: Served, wrong: dict[str, object]) -> None:
    """No amount, a moment without an offset, unknown fields: 400, and the clock stands where it stood."""
    assert sandbox.http.post("/_sandbox/clock", json=wrong).status_code == 400
    assert abs(sandbox.control("clock", method="GET")["offset_seconds"]) < 1


def test_timers_run_in_order_each_at_its_own_time() -> None:
    """However far the clock jumps, what was due earlier happens earlier, and sees the time at which it was due."""
    store = Store()
    clock = Clock(store)
    timers = Timers(store, clock)
    seen: list[tuple[str, str]] = []
    now = clock.now()

    def ring(name: str) -> None:
        seen.append((name, clock.now().isoformat()))
        if name == "first":
            timers.at(now + timedelta(hours=2), "ring", name="from first")

    timers.register("ring", ring)
    timers.at(now + timedelta(hours=3), "ring", name="last")
    timers.at(now + timedelta(hours=1), "ring", name="first")
    timers.run_due()
    assert seen == []
    clock.advance(timedelta(days=1))
    timers.run_due()
    assert [name for name, _ in seen] == ["first", "from first", "last"]
    assert [at for _, at in seen] == [(now + timedelta(hours=h)).isoformat() for h in (1, 2, 3)]


def test_records_can_be_read_and_edited_behind_the_vendors_backs(sandbox: Served) -> None:
    """PATCH changes fields, PUT replaces, DELETE forgets; the ledger says who did it."""
    products = sandbox.control("records/pax8.products", method="GET")["records"]
    key = next(iter(products))
    sandbox.control(f"records/pax8.products/{key}", {"name": "Renamed"}, "PATCH")
    assert sandbox.pax8().get(f"/products/{key}").json()["name"] == "Renamed"
    sandbox.control(f"records/pax8.products/{key}", method="DELETE")
    assert sandbox.pax8().get(f"/products/{key}").status_code == 404
    assert [e["effect"] for e in sandbox.effects()] == ["record edited", "record deleted"]


def test_a_reset_leaves_a_world_as_good_as_new(sandbox: Served) -> None:
    """Ledger, faults, clock and settings are gone, and seeded ids are the same as before."""
    before = set(sandbox.control("records/pax8.subscriptions", method="GET")["records"])
    sandbox.control("clock", {"advance_days": 400})
    sandbox.control("settings", {"pax8.provisioning": "stuck"})
    sandbox.control("faults", {"kind": "429"})
    sandbox.control("reset")
    assert set(sandbox.control("records/pax8.subscriptions", method="GET")["records"]) == before
    assert sandbox.control("faults", method="GET")["faults"] == []
    assert sandbox.control("settings", method="GET")["settings"]["pax8.provisioning"]["value"] == "seconds:5"
    assert abs(sandbox.control("clock", method="GET")["offset_seconds"]) < 1
    assert sandbox.effects() == []


def test_an_unknown_setting_is_refused(sandbox: Served) -> None:
    """A lever that does not exist can't be moved."""
    assert sandbox.http.post("/_sandbox/settings", json={"pax8.colour": "red"}).status_code == 400


def test_a_mail_by_hand_arrives_late_and_twice_if_asked(sandbox: Served) -> None:
    """`delay` is sandbox time, `times` brings copies, a mail without a sender is refused."""
    mail = {"from": "stranger@nowhere.example", "subject": "Hello", "text": "Hi", "delay": 3600, "times": 2}
    sandbox.control("mails", mail)
    assert sandbox.control("mails", method="GET")["mails"] == []
    sandbox.control("clock", {"advance_hours": 2})
    arrived = sandbox.control("mails", method="GET")["mails"]
    assert [(m["from"], m["subject"], m["direction"]) for m in arrived] == [
        ("stranger@nowhere.example", "Hello", "received")
    ] * 2
    assert sandbox.http.post("/_sandbox/mails", json={"subject": "x"}).status_code == 400


def test_a_mail_by_hand_can_join_a_conversation_and_be_filed(sandbox: Served) -> None:
    """A reply quotes what it answers; a person can file it by the folder's path, and only where there is one."""
    sandbox.control("mails", {"from": "ada@contoso.example", "subject": "Visio", "body": "Three, please"})
    (first,) = sandbox.control("mails", method="GET")["mails"]
    reply = {"from": "ada@contoso.example", "subject": "Re: Visio", "body": "Four, sorry"}
    sandbox.control("mails", reply | {"conversation": first["conversation_id"]})
    second = sandbox.control("mails", method="GET")["mails"][-1]
    assert second["conversation_id"] == first["conversation_id"] and "Three, please" in second["html"]
    sandbox.control(f"mails/{second['id']}/move", {"folder": "ALLGGIT/Contoso Ltd"})
    assert sandbox.control("mails", method="GET")["mails"][-1]["folder"] == "ALLGGIT/Contoso Ltd"
    nowhere = sandbox.http.post(f"/_sandbox/mails/{second['id']}/move", json={"folder": "Nowhere"})
    assert nowhere.status_code == 400


def answer(sandbox: Served, mail: str, **told: object) -> dict[str, Any]:
    """Somebody answers a mail; the newest copy as the control shows it."""
    sandbox.control(f"mails/{quote(mail, safe='')}/answer", told)
    return dict(sandbox.control("mails", method="GET")["mails"][-1])


def test_a_mail_is_answered_by_whoever_got_it_or_by_anybody(sandbox: Served) -> None:
    """Named by its id or its Internet message id; in its conversation, quoting it."""
    told = {"from": "ada@contoso.example", "subject": "Terms", "body": "The terms", "to": "licences@northgate.example"}
    sandbox.control("mails", told)
    (first,) = sandbox.control("mails", method="GET")["mails"]
    reply = answer(sandbox, first["id"], text="Three, please")
    assert (reply["from"], reply["from_name"], reply["subject"]) == ("ada@contoso.example", "Ada Byte", "RE: Terms")
    assert reply["conversation_id"] == first["conversation_id"] and "The terms" in reply["html"]
    stranger = answer(sandbox, first["internet_message_id"], **{"from": "eve@elsewhere.example"}, html="<p>No</p>")
    assert stranger["from"] == "eve@elsewhere.example" and stranger["html"].startswith("<p>No</p><div>On ")
    other = answer(sandbox, first["id"], text="Three", new_conversation=True, quoted=False)
    assert other["conversation_id"] != first["conversation_id"] and "The terms" not in other["html"]


def test_an_answer_can_come_late_twice_and_by_itself(sandbox: Served) -> None:
    """The doubled mail is the same mail; the automatic one says so in its headers and quotes nothing."""
    sandbox.control("mails", {"from": "ada@contoso.example", "subject": "Terms", "body": "The terms"})
    (first,) = sandbox.control("mails", method="GET")["mails"]
    sandbox.control(f"mails/{first['id']}/answer", {"text": "Yes", "delay": 3600, "times": 2})
    assert len(sandbox.control("mails", method="GET")["mails"]) == 1
    sandbox.control("clock", {"advance_seconds": 3601})
    _, one, two = sandbox.control("mails", method="GET")["mails"]
    assert one["id"] != two["id"] and one["internet_message_id"] == two["internet_message_id"]
    away = answer(sandbox, first["id"], automatic=True)
    assert away["subject"] == "Automatic reply: Terms" and "The terms" not in away["html"]
    kept = sandbox.control(f"records/graph.messages/{away['id']}", method="GET")
    assert {"name": "Auto-Submitted", "value": "auto-replied"} in kept["internetMessageHeaders"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"sentence": True}, "data-sentence"),
        ({"colour": "red"}, "colour"),
        (["text"], "object"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(sandbox: Served, wrong: object, says: str) -> None:
    """Saying why; and so is one to a mail that isn't there."""
    sandbox.control("mails", {"from": "ada@contoso.example", "subject": "Terms"})
    (first,) = sandbox.control("mails", method="GET")["mails"]
    refused = sandbox.http.post(f"/_sandbox/mails/{first['id']}/answer", json=wrong)
    assert refused.status_code == 400 and says in refused.json()["error"]
    assert sandbox.http.post("/_sandbox/mails/none/answer", json={"text": "x"}).status_code == 400


@pytest.mark.parametrize(
    ("mail", "sentence"),
    [
        ('<p data-sentence="I confirm CS-1: 1 × A">Copy this</p>', "I confirm CS-1: 1 × A"),
        (
            "<p data-sentence>I confirm CS-1:<br> 1&nbsp;&times; <b>A</b> &amp; B</p><p>x</p>",
            "I confirm CS-1: 1 × A & B",
        ),
        ("<div data-sentence><p>one</p></div><p data-sentence>two</p>", "one"),
        ("<p>I confirm CS-1: 1 × A</p>", None),
        ("<p data-sentence> </p>", None),
    ],
)
def test_the_offered_sentence_is_the_element_that_is_marked(mail: str, sentence: str | None) -> None:
    """By its attribute, else by its words; nothing is guessed from the text."""
    assert offered_sentence(mail) == sentence


@pytest.mark.parametrize("vendor", ["docusign", "pax8", "autotask", "itglue", "graph"])
@pytest.mark.parametrize("status", [408, 422])
def test_a_refusal_or_a_timeout_can_be_ordered_from_any_vendor(sandbox: Served, vendor: str, status: int) -> None:
    """In its own shape; nothing was done."""
    sandbox.control("faults", {"vendor": vendor, "kind": str(status)})
    answer = sandbox.http.delete(f"/{vendor}/anything")
    assert answer.status_code == status and answer.json()
    assert sandbox.effects() == []


def test_the_clock_takes_the_msps_own_time(sandbox: Served) -> None:
    """Either side of a change to summer time; with an offset it isn't the MSP's own time."""
    for local, utc in (("2027-03-12T23:59", "2027-03-13T04:59"), ("2027-03-15T23:59", "2027-03-16T03:59")):
        told = sandbox.control("clock", {"local": local})
        assert told["now"].startswith(utc) and told["local"].startswith(local)
    assert sandbox.http.post("/_sandbox/clock", json={"local": "2027-03-12T23:59Z"}).status_code == 400


def test_a_timer_that_fails_does_not_stop_the_sandboxes_time(sandbox: Served) -> None:
    """A record that a test has broken spoils its own renewal only."""
    kept = sandbox.control("records/pax8.subscriptions", method="GET")["records"]
    broken = next(key for key, s in kept.items() if s["commitment"] and s["commitment"]["term"] == "Monthly")
    sandbox.control(f"records/pax8.subscriptions/{broken}", {"commitment": {"term": "Monthly"}}, "PATCH")
    sandbox.control("clock", {"advance_days": 40})
    renewed = {e["subscription"] for e in sandbox.effects("commitment renewed")}
    assert renewed and broken not in renewed


def test_a_new_world_begins_on_the_day_that_is_asked_for(sandbox: Served) -> None:
    """What is held ends as far ahead as it would today, and nothing happened by itself on the way there."""

    def days_left() -> dict[str, int]:
        today = datetime.fromisoformat(sandbox.control("clock", method="GET")["now"])
        held = sandbox.control("records/pax8.subscriptions", method="GET")["records"]
        ends = {
            key: datetime.fromisoformat(one["commitment"]["endDate"]) for key, one in held.items() if one["commitment"]
        }
        return {key: (end - today).days for key, end in ends.items()}

    before = days_left()
    later = datetime.now(UTC) + timedelta(days=40)
    sandbox.control("reset", {"now": later.isoformat()})
    after = days_left()
    assert after.keys() == before.keys()
    assert all(abs(after[key] - before[key]) <= 3 for key in before), "months differ in length, and no more"
    assert sandbox.effects() == []
    assert sandbox.http.post("/_sandbox/reset", json={"now": "2026-12-07T10:00:00"}).status_code == 400, "no offset"
