"""The MSP: Northgate IT, its people, its mailbox and its tenant."""

from sandbox.core import stable_id
from sandbox.seed.model import Msp, Staff

MSP = Msp(
    name="Northgate IT",
    domain="northgate.example",
    mailbox="licences@northgate.example",
    tenant_id=stable_id("tenant", "northgate.example"),
    gdap_group_id=stable_id("group", "northgate.example", "GDAP technicians"),
    partner_location_id="6612345",
    time_zone="America/New_York",
    currency="USD",
)

TECHNICIAN_ROLE = "Service Desk Engineer"
SENIOR_ROLE = "Senior Engineer"
OFFICE_ROLE = "Administration"

STAFF: tuple[Staff, ...] = (
    Staff("tom", 29682885, "Tom", "Reyes", "tom@northgate.example", "+1 212 555 0142", "Technician"),
    Staff("jo", 29682886, "Jo", "Brandt", "jo@northgate.example", "+1 212 555 0143", "Technician"),
    Staff(
        "ivy",
        29682887,
        "Ivy",
        "Grant",
        "ivy@northgate.example",
        "+1 212 555 0144",
        "Technician",
        active=False,
    ),
    Staff(
        "roberta",
        29682888,
        "Roberta",
        "Vale",
        "roberta@northgate.example",
        "+1 212 555 0110",
        "Contracts and billing",
        service_desk_role=OFFICE_ROLE,
    ),
    Staff(
        "matthew",
        29682889,
        "Matthew",
        "Orr",
        "matthew@northgate.example",
        "+1 212 555 0111",
        "Pricing",
        service_desk_role=OFFICE_ROLE,
    ),
    Staff(
        "sam",
        29682890,
        "Sam",
        "Adeyemi",
        "sam@northgate.example",
        "+1 212 555 0120",
        "Service manager",
        senior=True,
        service_desk_role=SENIOR_ROLE,
    ),
    Staff(
        "kim",
        29682891,
        "Kim",
        "Lund",
        "kim@northgate.example",
        "+1 212 555 0121",
        "Lead engineer",
        senior=True,
        service_desk_role=SENIOR_ROLE,
    ),
)


def staff(key: str) -> Staff:
    """The member of staff of that key (`tom`, `roberta` …); KeyError for a stranger."""
    for member in STAFF:
        if member.key == key:
            return member
    raise KeyError(key)
