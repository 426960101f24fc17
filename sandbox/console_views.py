"""What each page of the console shows, gathered from the records of the stand-ins."""

from typing import Any

from starlette.requests import Request

from sandbox import autotask_schema as autotask
from sandbox import console_tenants, docusign_paper
from sandbox.autotask_seed import API_RESOURCE_ID
from sandbox.control_mails import mails
from sandbox.core import Record, World
from sandbox.docusign_life import IN_PROCESS
from sandbox.world import SEED

_NEWEST = 60
_ROLE_KEYS = {SEED.templates[0].customer_role: "customer", SEED.templates[0].msp_role: "msp"}


def frame(world: World) -> dict[str, Any]:
    """What every page has: the time, and how much waits where."""
    envelopes = world.store.all("docusign.envelopes")
    counts = {
        "inbox": sum(e["status"] in IN_PROCESS for e in envelopes),
        "contracts": sum(e["status"] == "created" for e in envelopes),
        "levers": len(world.faults.waiting()),
    }
    offset = world.clock.offset.total_seconds()
    return {"now": world.now().isoformat(), "offset": offset, "counts": counts, "msp": SEED.msp}


def home(world: World, request: Request) -> dict[str, Any]:
    """The explanation, and what happened last."""
    recent = [
        {"at": entry["at"], "vendor": entry["vendor"], "effect": effect}
        for entry in reversed(world.ledger.read(effects_only=True, limit=25))
        for effect in reversed(entry["effects"])
    ]
    return {"recent": recent[:25], "customers": SEED.customers}


def inbox(world: World, request: Request) -> dict[str, Any]:
    """The envelopes that reached a signer, newest first, and the chosen one as a paper."""
    return _envelopes([e for e in world.store.all("docusign.envelopes") if "sentDateTime" in e], request)


def contracts(world: World, request: Request) -> dict[str, Any]:
    """The drafts, and the chosen one with its fields to edit; the templates to make one by hand."""
    drafts = [e for e in world.store.all("docusign.envelopes") if "sentDateTime" not in e]
    return _envelopes(drafts, request) | {
        "templates": world.store.all("docusign.templates"),
        "customers": SEED.customers,
    }


def licences(world: World, request: Request) -> dict[str, Any]:
    """The customers with their subscriptions and orders at Pax8."""
    subscriptions = sorted(world.store.all("pax8.subscriptions"), key=lambda s: str(s["startDate"]), reverse=True)
    orders = sorted(world.store.all("pax8.orders"), key=lambda o: str(o["createdDate"]), reverse=True)
    products = {p["id"]: p for p in world.store.all("pax8.products")}
    rows: list[dict[str, Any]] = []
    for company in sorted(world.store.all("pax8.companies"), key=lambda c: str(c["name"])):
        customer = next((c for c in SEED.customers if any(d.company_id == company["id"] for d in c.pax8)), None)
        rows.append(
            {
                "company": company,
                "customer": customer,
                "subscriptions": [s for s in subscriptions if s["companyId"] == company["id"]],
                "orders": [o for o in orders if o["companyId"] == company["id"]],
            }
        )
    known = {row["company"]["name"] for row in rows}
    newest = orders[0]["companyId"] if orders else SEED.customers[0].pax8[0].company_id
    wanted = request.query_params.get("company", newest)
    chosen = next((r for r in rows if r["company"]["id"] == wanted), None)
    return {
        "rows": rows,
        "chosen": chosen,
        "microsoft": console_tenants.microsoft(world, chosen["company"], chosen["subscriptions"]) if chosen else [],
        "products": products,
        "provisioning": world.setting("pax8.provisioning"),
        "unknown_customers": [c for c in SEED.customers if not c.pax8 and c.name not in known],
    }


def tickets(world: World, request: Request) -> dict[str, Any]:
    """The tickets, open ones first, and the chosen one with notes and attachments."""
    companies = {c["id"]: c["companyName"] for c in world.store.all(autotask.COMPANIES.kind)}
    people = {r["id"]: f"{r['firstName']} {r['lastName']}" for r in world.store.all(autotask.RESOURCES.kind)}
    contacts = {c["id"]: c for c in world.store.all(autotask.CONTACTS.kind)}
    labels = {choice.value: choice.label for choice in autotask.STATUS}
    rows = sorted(
        world.store.all(autotask.TICKETS.kind),
        key=lambda t: (t["status"] != autotask.COMPLETE, str(t["lastActivityDate"])[:16], t["ticketNumber"]),
        reverse=True,
    )
    wanted = request.query_params.get("ticket")
    chosen = next((t for t in rows if t["ticketNumber"] == wanted or str(t["id"]) == wanted), None)
    chosen = chosen or (rows[0] if rows else None)
    shown: dict[str, Any] = {"notes": [], "attachments": [], "note_attachments": [], "secondary": []}
    if chosen is not None:
        shown = {
            "notes": _of_ticket(world, autotask.TICKET_NOTES.kind, chosen, "createDateTime"),
            "attachments": _of_ticket(world, autotask.ATTACHMENTS.kind, chosen, "attachDate"),
            "note_attachments": _of_ticket(world, autotask.NOTE_ATTACHMENTS.kind, chosen, "attachDate"),
            "secondary": _of_ticket(world, autotask.SECONDARY_RESOURCES.kind, chosen, "id"),
        }
    at_company = [c for c in contacts.values() if chosen and c["companyID"] == chosen["companyID"]]
    return shown | {
        "rows": rows[:_NEWEST],
        "chosen": chosen,
        "companies": companies,
        "people": people,
        "ours": [r for r in world.store.all(autotask.RESOURCES.kind) if r["isActive"] and r["id"] != API_RESOURCE_ID],
        "contacts": contacts,
        "at_company": at_company,
        "labels": labels,
        "complete": autotask.COMPLETE,
    }


def assets(world: World, request: Request) -> dict[str, Any]:
    """IT Glue: organisations with their flexible assets and the names of their passwords (never the secrets)."""
    organisations = sorted(world.store.all("itglue.organizations"), key=lambda o: str(o["name"]))
    wanted = request.query_params.get("organisation", str(organisations[0]["id"]) if organisations else "")
    chosen = next((o for o in organisations if str(o["id"]) == wanted), None)
    fields = {
        (f["flexible-asset-type-id"], f["name-key"]): f["name"] for f in world.store.all("itglue.flexible_asset_fields")
    }
    counts: dict[int, int] = {}
    for asset in world.store.all("itglue.flexible_assets"):
        counts[asset["organization-id"]] = counts.get(asset["organization-id"], 0) + 1
    return {
        "organisations": organisations,
        "asset_counts": counts,
        "chosen": chosen,
        "assets": _of_organisation(world, "itglue.flexible_assets", chosen),
        "passwords": [console_tenants.stored(one) for one in _of_organisation(world, "itglue.passwords", chosen)],
        "fields": fields,
    }


def levers(world: World, request: Request) -> dict[str, Any]:
    """The clock, Connect's mode, provisioning, faults and all other settings."""
    deliveries = sorted(world.store.all("docusign.deliveries"), key=lambda d: d["number"], reverse=True)
    settings = {
        name: {"value": world.setting(name), "default": default, "meaning": meaning}
        for name, (default, meaning) in sorted(world.settings.items())
    }
    return {
        "faults": world.faults.waiting(),
        "settings": settings,
        "deliveries": deliveries[:15],
        "connect": world.setting("docusign.connect"),
        "provisioning": world.setting("pax8.provisioning"),
        "booked_end": world.setting("pax8.booked_end"),
    }


def ledger(world: World, request: Request) -> dict[str, Any]:
    """The newest entries, filtered by vendor and by whether they changed anything."""
    vendor = request.query_params.get("vendor") or None
    effects = request.query_params.get("effects") == "1"
    entries = world.ledger.read(vendor=vendor, effects_only=effects, limit=150)
    vendors = ("docusign", "pax8", "autotask", "itglue", "graph", "sandbox")
    return {"entries": list(reversed(entries)), "vendors": vendors, "vendor": vendor, "effects": effects}


def attachment(world: World, place: str, key: str) -> tuple[str, str, str] | None:
    """Name, type and base64 content of an attachment of a ticket ("tickets"), a note ("notes") or a mail ("mails")."""
    if place in ("tickets", "notes"):
        kinds = {"tickets": autotask.ATTACHMENTS.kind, "notes": autotask.NOTE_ATTACHMENTS.kind}
        found = world.store.get(kinds[place], key)
        if found is None or not found["data"]:
            return None
        kind = "application/pdf" if found["fullPath"].lower().endswith(".pdf") else "application/octet-stream"
        return found["fullPath"], kind, found["data"]
    for message in world.store.all("graph.messages"):
        for one in message["attachments"]:
            if one["id"] == key:
                return one["name"], one["contentType"], one["contentBytes"]
    return None


def paper(world: World, envelope_id: str, which: str) -> bytes | None:
    """The agreement or the certificate of an envelope."""
    envelope = world.store.get("docusign.envelopes", envelope_id)
    if envelope is None or which not in ("combined", "certificate"):
        return None
    return docusign_paper.agreement(envelope) if which == "combined" else docusign_paper.certificate(envelope)


def people(world: World) -> list[str]:
    """Everybody who ever wrote or was written to, for the mail page."""
    seen = {address for mail in mails(world) for address in (*mail["to"], *mail["cc"], mail["from"])}
    return sorted(seen - {SEED.msp.mailbox})


def _of_ticket(world: World, kind: str, ticket: Record, order: str) -> list[Record]:
    found = [r for r in world.store.all(kind) if r["ticketID"] == ticket["id"]]
    return sorted(found, key=lambda r: str(r[order]))


def _of_organisation(world: World, kind: str, chosen: Record | None) -> list[Record]:
    return [r for r in world.store.all(kind) if chosen and r["organization-id"] == chosen["id"]]


def _envelopes(found: list[Record], request: Request) -> dict[str, Any]:
    """The newest envelopes as rows, and the chosen one, which may be an older one."""
    newest = sorted(found, key=lambda e: int(e["number"]), reverse=True)
    wanted = request.query_params.get("envelope")
    chosen = next((e for e in newest if e["envelopeId"] == wanted), newest[0] if newest else None)
    return {
        "rows": [_envelope(e) for e in newest[:_NEWEST]],
        "chosen": _envelope(chosen) if chosen else None,
        "total": len(newest),
    }


def _envelope(envelope: Record) -> dict[str, Any]:
    """An envelope with its fields arranged as on the paper: a head, and the rows of products."""
    values = {tab["tabLabel"]: tab["value"] for signer in envelope["signers"] for tab in signer["tabs"]}
    rows = []
    for number in range(1, SEED.templates[0].rows + 1):
        names = ("Product", "Seats", "UnitPrice", "ProductId")
        row = {name: values.pop(f"{name}{number}", "") for name in names}
        if any(row.values()):
            rows.append(row | {"number": number})
    return {
        "envelope": envelope,
        "customer": values.get("CustomerName") or envelope["signers"][0]["email"].partition("@")[2],
        "head": values,
        "lines": rows,
        "turn": [
            {**signer, "who": _ROLE_KEYS.get(signer["roleName"], "")}
            for signer in envelope["signers"]
            if signer["status"] in ("sent", "delivered") and envelope["status"] in IN_PROCESS
        ],
        "open": envelope["status"] in IN_PROCESS,
    }
