"""The customers' Microsoft tenants: domains, users, delegated relationships in every state."""

from sandbox.core import stable_id
from sandbox.seed.model import Gdap, Tenant, TenantUser

DIRECTORY_READERS = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"
LICENCE_ADMINISTRATOR = "4d6ac14f-3453-41d0-bef9-a3e0c569773a"
USER_ADMINISTRATOR = "fe930be7-5e62-47db-91af-98c3a49a38b1"
AUTHENTICATION_ADMINISTRATOR = "c4e39bd9-1100-46d3-8c65-fb160da0071f"
NEEDED_ROLES = (DIRECTORY_READERS, LICENCE_ADMINISTRATOR, USER_ADMINISTRATOR, AUTHENTICATION_ADMINISTRATOR)

PREMIUM = "Microsoft 365 Business Premium"
STANDARD = "Microsoft 365 Business Standard"
BASIC = "Microsoft 365 Business Basic"


def _gdap(name: str, status: str = "active", roles: tuple[str, ...] = NEEDED_ROLES) -> Gdap:
    return Gdap(f"Northgate IT {name}", status, roles)


def _tenant(
    name: str,
    onmicrosoft: str,
    domain: str,
    *users: TenantUser,
    gdap: tuple[Gdap, ...] = (),
    in_it_glue: bool = True,
) -> Tenant:
    return Tenant(stable_id("tenant", onmicrosoft), name, onmicrosoft, (domain,), gdap, users, in_it_glue)


CONTOSO = _tenant(
    "Contoso Ltd",
    "contoso",
    "contoso.example",
    TenantUser("Ada Byte", "ada@contoso.example", (PREMIUM,)),
    TenantUser("Ben Okafor", "ben@contoso.example", (PREMIUM,)),
    TenantUser("Cleo Marsh", "cleo@contoso.example"),
    gdap=(_gdap("Contoso"),),
)
FABRIKAM = _tenant(
    "Fabrikam Inc",
    "fabrikam",
    "fabrikam.example",
    TenantUser("Frida Novak", "frida@fabrikam.example", (STANDARD,)),
)
ADVENTURE = _tenant(
    "Adventure Works",
    "adventureworks",
    "adventure-works.example",
    gdap=(_gdap("Adventure Works"),),
)
WIDE_EAST = _tenant(
    "Wide World Importers East",
    "wideworldeast",
    "wideworld.example",
    gdap=(_gdap("Wide World East"),),
)
WIDE_WEST = _tenant(
    "Wide World Importers West",
    "wideworldwest",
    "west.wideworld.example",
    gdap=(_gdap("Wide World West"),),
)
ALPINE = _tenant(
    "Alpine Rescue Foundation",
    "alpinerescue",
    "alpinerescue.example",
    gdap=(_gdap("Alpine Rescue"),),
)
PROSEWARE = _tenant("Proseware", "proseware", "proseware.example", gdap=(_gdap("Proseware"),))
LITWARE = _tenant("Litware", "litware", "litware.example", gdap=(_gdap("Litware"),))
TAILSPIN = _tenant("Tailspin Toys", "tailspintoys", "tailspin.example", gdap=(_gdap("Tailspin"),))
WOODGROVE = _tenant(
    "Woodgrove Bank",
    "woodgrove",
    "woodgrove.example",
    gdap=(_gdap("Woodgrove", roles=(DIRECTORY_READERS,)),),
)
LAMNA = _tenant("Lamna Healthcare", "lamna", "lamna.example", gdap=(_gdap("Lamna"),), in_it_glue=False)
VANARSDEL = _tenant("VanArsdel", "vanarsdel", "vanarsdel.example", gdap=(_gdap("VanArsdel", "approvalPending"),))
NORTHWIND = _tenant("Northwind Traders", "northwind", "northwind.example", gdap=(_gdap("Northwind", "expired"),))
PHARMA = _tenant(
    "Contoso Pharmaceuticals",
    "contosopharma",
    "contoso-pharma.example",
    gdap=(_gdap("Contoso Pharma"),),
)
