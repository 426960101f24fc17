"""Fills Graph with the seeded world: tenants, users, delegated relationships, the shared mailbox's folders."""

from sandbox.core import World
from sandbox.graph_folders import ROOT, add_folder, child_named, seed_folders, well_known_id
from sandbox.graph_gdap import seed_relationship
from sandbox.graph_tenants import add_tenant, add_user
from sandbox.graph_tokens import seed_tokens
from sandbox.world import CLIENT_FOLDERS, ORDER_FOLDER, SEED


def seed(world: World) -> None:
    """Fills an empty store."""
    seed_tokens(world)
    seed_folders(world)
    _folder(world, ORDER_FOLDER)
    for customer in SEED.customers:
        if customer.has_mail_folder:
            _folder(world, (CLIENT_FOLDERS, customer.name))
        for tenant in customer.tenants:
            add_tenant(world, tenant.tenant_id, tenant.name, tenant.onmicrosoft, tenant.domains)
            for relationship in tenant.gdap:
                seed_relationship(world, tenant, relationship)
            for user in tenant.users:
                skus = [SEED.product(name).sku_id for name in user.licences]
                add_user(world, tenant.tenant_id, user.name, user.upn, user.usage_location, skus)
    msp = SEED.msp
    add_tenant(world, msp.tenant_id, msp.name, msp.domain.partition(".")[0] + "it", (msp.domain,))


def _folder(world: World, path: tuple[str, ...]) -> None:
    parent = well_known_id(ROOT)
    for name in path:
        parent = (child_named(world, parent, name) or add_folder(world, parent, name))["id"]
