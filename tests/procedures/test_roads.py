"""The roads of a new subscription that lead to an order, and what is left behind on each (N1, N4, P)."""

from collections import Counter

from tasks.mail import file_among
from tasks.office import open_office
from tests.procedures.harness import Bench, plain
from tests.procedures.people import (
    assert_done,
    launch,
    launch_to_signature,
    mails,
    notes,
    ordered,
    release,
    settings,
    sign,
    told_microsoft,
)
from tests.procedures.requests import ADA, JO, ROBERTA, TOM, contoso, fabrikam

CONTOSO_TICKET, FABRIKAM_TICKET = 700175, 700180


async def test_several_lines_stand_under_one_annual_agreement(bench: Bench) -> None:
    """Two products, annual with a reason: one envelope, one order of two lines, two assets, every price told."""
    form = contoso(
        term="1-Year",
        annual_reason="Ada wants the lower price, her mail of Friday.",
        further_lines="2 | Power BI Pro | Power BI Pro",
        licence_users="ada@contoso.example\nben@contoso.example",
    )
    run = await launch(bench, form)
    assert "3 × Visio Plan 1" in await bench.form(run) and "2 × Power BI Pro" in await bench.form(run)
    await release(bench, run)
    async with settings(mca_customer_email=True):
        assert_done(await sign(bench, run))
    assert told_microsoft(bench)["mca2020Email"] == ADA, "P6: so the owner allows it"

    assert len(bench.sandbox.effects("envelope sent")) == 1
    assert sorted(ordered(bench)) == [("Power BI Pro", 2, "1-Year"), ("Visio Plan 1", 3, "1-Year")]
    assert len(bench.sandbox.effects("order placed")) == 1
    assets = {a["name"]: a["traits"] for a in bench.sandbox.records("itglue.flexible_assets") if "1-Year" in a["name"]}
    assert set(assets) == {"Visio Plan 1 (1-Year)", "Power BI Pro (1-Year)"}
    assert "ben@contoso.example" in assets["Power BI Pro (1-Year)"]["licensed-users"]

    [billing] = mails(bench, ROBERTA, "begin billing")
    for told in ("3 × Visio Plan 1", "5.00 USD per seat", "2 × Power BI Pro", "14.00 USD per seat", "1-Year"):
        assert told in billing.text
    assert TOM in billing.cc
    page = plain(await bench.case_file(run))
    assert "Ada wants the lower price" in page and "Ordered at Pax8" in page
    assert (await bench.run(run)).name == "Contoso Ltd · Visio Plan 1 × 3"
    there = notes(bench, CONTOSO_TICKET)
    assert {"requested", "agreement sent", "agreement signed", "ordered", "billing told", "done"} <= set(there)
    attached = [a["title"] for a in bench.sandbox.records("autotask.ticketattachments")]
    assert len(attached) == 2 and any("Signed agreement" in title for title in attached)
    ticket = bench.sandbox.get(f"records/autotask.tickets/{CONTOSO_TICKET}")
    assert ticket["completedDate"], "nothing is open: the ticket is completed"


async def test_follow_ups_keep_the_ticket_open(bench: Bench) -> None:
    """Work for a colleague and a missing GDAP relationship: a ticket and a mail each; the request's stays open."""
    form = fabrikam(follow_up_person=JO, follow_up_work="Install Power BI on two PCs.")
    run = await launch_to_signature(bench, form)
    assert_done(await sign(bench, run))

    [asked] = mails(bench, JO, "follow-up for you")
    assert "Install Power BI on two PCs." in asked.text
    [gdap] = mails(bench, TOM, "follow-up for you")
    assert "GDAP relationship with Fabrikam Inc" in gdap.text
    opened = [
        t["title"] for t in bench.sandbox.records("autotask.tickets") if (t["externalID"] or "").startswith("CS-")
    ]
    assert len(opened) == 2
    assert not bench.sandbox.get(f"records/autotask.tickets/{FABRIKAM_TICKET}")["completedDate"]
    [done] = mails(bench, TOM, ": done")
    assert done.text.count("Still open") == 2
    assert "stays open" in notes(bench, FABRIKAM_TICKET)["done"]


async def test_the_net_reads_late_confirmations_in_one_call_however_many_are_awaited(bench: Bench) -> None:
    """P14, graph.md limits: three orders wait for their mails; a round reads one list, and no mail by itself."""
    bench.sandbox.post("settings", {"pax8.mails": "seconds:3600"})
    more = fabrikam(product="Visio Plan 1", quote_line="Visio Plan 1")
    for form in (contoso(), fabrikam(), more):
        assert_done(await sign(bench, await launch_to_signature(bench, form)))
    bench.sandbox.advance(hours=2)
    since = int(bench.sandbox.ledger()[-1]["seq"])
    await bench.reconcile()
    calls = bench.sandbox.ledger(vendor="graph", since=since)
    arrived = {one["id"] for one in bench.sandbox.get("mails")["mails"] if one["subject"].startswith("Order conf")}
    read = Counter(call["path"].rpartition("/")[2] for call in calls if call["method"] == "GET")
    assert [read[one] for one in arrived] == [1, 1, 1], "when it has been moved: is it there?"
    lists = [one for one in calls if one["path"].endswith("/messages") and "pax8" in str(one["query"]).casefold()]
    assert len(lists) == 1, "one list of the distributor's mails for all three"
    filed = [one["folder"] for one in bench.sandbox.get("mails")["mails"] if one["subject"].startswith("Order conf")]
    assert filed == ["Vendors/vendor emails/Pax8/orders"] * 3


async def test_a_mail_that_is_listed_without_its_words_is_read_before_it_is_filed(bench: Bench) -> None:
    """P7: what brings a password stays where it is, whatever its subject says."""
    async with open_office() as office:
        sender, since = office.settings.order_mail_sender, bench.sandbox.now()
        words = {"from": sender, "to": "licences@northgate.example", "subject": "About order 4711"}
        bench.sandbox.post("mails", {**words, "body": "The admin's password is on its way."})
        arrived = await office.mail.messages(sender=sender, since=since)
        assert [one.body for one in arrived] == [None]
        assert await file_among(arrived, "4711", ("Contoso Ltd", "Visio Plan 1"), since) == ()


async def test_a_confirmation_whose_filing_was_unclear_is_filed_by_the_next_round(bench: Bench) -> None:
    """Graph moves it and answers with an error: the round says that it is torn, and the next one finds it moved."""
    bench.sandbox.post("settings", {"pax8.mails": "seconds:3600"})
    assert_done(await sign(bench, await launch_to_signature(bench, contoso())))
    bench.sandbox.advance(hours=2)
    bench.sandbox.post("faults", {"vendor": "graph", "method": "POST", "path": "/move$", "kind": "500-after"})
    state = await bench.play(await bench.start("reconcile"))
    assert state.is_failed() and "order confirmations" in (state.message or "")
    await bench.reconcile()
    assert "confirmation filed" in notes(bench, CONTOSO_TICKET)
    [filed] = [m for m in bench.sandbox.get("mails")["mails"] if m["subject"].startswith("Order conf")]
    assert filed["folder"] == "Vendors/vendor emails/Pax8/orders"


async def test_pax8s_confirmation_is_filed_at_once_or_late_or_missed_aloud(bench: Bench) -> None:
    """P14: already there: filed by the run; an hour late: by reconcile; never: the requester is told next day."""

    def filed() -> list[str]:
        folder = "Vendors/vendor emails/Pax8/orders"
        return [m["subject"] for m in bench.sandbox.get("mails")["mails"] if m["folder"] == folder]

    bench.sandbox.post("settings", {"pax8.mails": "seconds:0"})
    assert_done(await sign(bench, await launch_to_signature(bench, contoso())))
    assert len(filed()) == 1
    assert "confirmation filed" in notes(bench, CONTOSO_TICKET)

    bench.sandbox.post("settings", {"pax8.mails": "seconds:3600"})
    assert_done(await sign(bench, await launch_to_signature(bench, fabrikam())))
    assert "confirmation awaited" in notes(bench, FABRIKAM_TICKET)
    await bench.reconcile()
    assert len(filed()) == 1
    bench.sandbox.advance(hours=2)
    await bench.reconcile()
    assert len(filed()) == 2
    assert "confirmation filed" in notes(bench, FABRIKAM_TICKET)

    bench.sandbox.post("settings", {"pax8.mails": "never"})
    other = fabrikam(product="Visio Plan 1", quote_line="Visio Plan 1")
    assert_done(await sign(bench, await launch_to_signature(bench, other)))
    bench.sandbox.advance(days=5)
    await bench.reconcile()
    [missing] = mails(bench, TOM, "no order confirmation")
    assert "Visio Plan 1" in missing.subject
    await bench.reconcile()
    assert len(mails(bench, TOM, "no order confirmation")) == 1
