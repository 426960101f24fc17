"""Many customers for a measurement: Contoso Ltd over and over in the sandbox, each under ids and names of its own."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx

Record = dict[str, Any]

# What Contoso is made of, by kind and id; whatever else it has (subscriptions, other people) nobody asks for.
PARTS = {
    "autotask.companies": ("175",),
    "autotask.contacts": ("1751",),
    "autotask.contracts": ("29680175",),
    "autotask.tickets": ("700175",),
    "graph.relationships": None,
    "graph.tenants": ("8bf34549-4aed-5102-a504-f4caa80219b5",),
    "itglue.contacts": ("31751",),
    "itglue.flexible_assets": ("9001", "9004"),
    "itglue.organizations": ("2175",),
    "pax8.companies": ("6a9ccd8c-6e9c-5207-bb91-bce6dd157b40",),
    "pax8.contacts": None,
}
NUMBERS = (175, 1751, 29680175, 700175, 31751, 9001, 9004, 2175)
TENANT, COMPANY = "8bf34549-4aed-5102-a504-f4caa80219b5", "6a9ccd8c-6e9c-5207-bb91-bce6dd157b40"
FIRST_NUMBER = 800_000_000


def request_of(customer: int) -> Record:
    """The launch form of one of them: three Visio Plan 1, nothing stands in the way."""
    return {
        "customer": name_of(customer),
        "ticket": ticket_of(customer),
        "requester": "tom@northgate.example",
        "signer": f"ada@{domain_of(customer)}",
        "product": "Visio Plan 1",
        "seats": 3,
        "quote_line": "Visio Plan 1",
        "mca_first_name": "Ada",
        "mca_last_name": "Byte",
    }


def name_of(customer: int) -> str:
    return f"Company {customer:04d} Ltd"


def ticket_of(customer: int) -> str:
    return f"T20261119.{5000 + customer:04d}"


def domain_of(customer: int) -> str:
    return f"company{customer:04d}.example"


def add_customers(sandbox_url: str, customers: range) -> None:
    """Put them into the sandbox, in one call."""
    with httpx.Client(base_url=f"{sandbox_url}/_sandbox", timeout=120) as sandbox:
        patterns: dict[str, dict[str, Record]] = {}
        for kind, ids in PARTS.items():
            held: dict[str, Record] = sandbox.get(f"records/{kind}").raise_for_status().json()["records"]
            wanted = ids or tuple(key for key, one in held.items() if TENANT in str(one) or COMPANY in str(one))
            patterns[kind] = {key: held[key] for key in wanted}
        copies: dict[str, dict[str, Record]] = {kind: {} for kind in patterns}
        for customer in customers:
            for kind, parts in patterns.items():
                for key, record in parts.items():
                    own = uid(key, customer) if "-" in key and not key.isdecimal() else str(number(int(key), customer))
                    made = renamed({**record, "id": key if "-" in key else int(key)}, customer)
                    if kind in ("graph.relationships", "pax8.contacts"):
                        made["id"] = own
                    copies[kind][str(made["id"])] = made
        sandbox.post("records", json={"records": copies}).raise_for_status()


def renamed(value: Any, customer: int) -> Any:
    """A record with every id and name of Contoso's turned into this customer's."""
    if isinstance(value, dict):
        return {name: renamed(one, customer) for name, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, customer) for one in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return number(value, customer) if value in NUMBERS else value
    if isinstance(value, str):
        return _renamed_text(value, customer)
    return value


def _renamed_text(text: str, customer: int) -> str:
    if text == "175":  # Pax8's external id
        return str(number(175, customer))
    for old, new in (
        ("Contoso Ltd", name_of(customer)),
        ("T20261118.0012", ticket_of(customer)),
        ("contoso.example", domain_of(customer)),
        ("contoso.onmicrosoft.com", f"company{customer:04d}.onmicrosoft.com"),
        (TENANT, uid(TENANT, customer)),
        (COMPANY, uid(COMPANY, customer)),
    ):
        text = text.replace(old, new)
    return text


def number(old: int, customer: int) -> int:
    """An id that no record of the seed has."""
    return FIRST_NUMBER + customer * 100 + NUMBERS.index(old)


def uid(old: str, customer: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"{old}/{customer}"))
