"""The calls for a customer new to Microsoft 365, against the sandbox: company, password records, relationship."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.vendors.conftest import SandboxAddress
from tests.vendors.served import Asked, Vendor, served
from tests.vendors.test_pax8_sandbox import block as pax8_block
from vendors.graph import GraphPartner
from vendors.http import NotFound, Refused, Unauthorised
from vendors.itglue import ITGlue
from vendors.pax8 import Address, Company, Contact, ContactType, Pax8

CONTOSO, WOODGROVE = 2175, 2183
SENIOR, DESK = 42, 44
ALL_TYPES = tuple(ContactType(type=kind, primary=True) for kind in ("Admin", "Billing", "Technical"))


@pytest.fixture
async def pax8(sandbox: SandboxAddress) -> AsyncIterator[Pax8]:
    async with pax8_block(sandbox).client() as client:
        yield client


@pytest.fixture
def name() -> str:
    return f"Record {uuid.uuid4().hex[:8]}"


class TestCompanies:
    """Pax8's companies (pax8.md §4)."""

    async def test_a_company_becomes_active_with_its_primary_contacts(self, pax8: Pax8, name: str) -> None:
        """Created Inactive; our contact, primary for all three types, makes it one that can be ordered for."""
        address = Address(
            street="Farm Road 2", city="Hudson", state_or_province="NY", postal_code="12534", country="US"
        )
        wanted = Company(id="", name=name, external_id="185", website="https://x.example", phone="+1", address=address)
        made = await pax8.create_company(wanted)
        assert (made.name, made.external_id, made.status, made.address) == (name, "185", "Inactive", address)
        ours = Contact(
            first_name="Northgate", last_name="Licences", email="l@n.example", phone="+1", types=ALL_TYPES[:1]
        )
        kept = await pax8.add_contact(made.id, ours)
        assert not (await pax8.company(made.id)).is_active
        await pax8.change_contact(made.id, kept.model_copy(update={"types": ALL_TYPES}))
        assert (await pax8.company(made.id)).is_active
        [there] = [one async for one in pax8.contacts(made.id)]
        assert all(there.is_primary(kind.type) for kind in ALL_TYPES)

    async def test_a_company_is_linked_by_its_external_id(self, pax8: Pax8, name: str) -> None:
        """The one that a person named carries our id from then on."""
        made = await pax8.create_company(
            Company(id="", name=name, website="https://x.example", phone="+1", address=Address(country="US"))
        )
        assert (await pax8.set_external_id(made.id, "185")).external_id == "185"
        assert (await pax8.company(made.id)).external_id == "185"

    async def test_prices_are_there_without_a_company(self, pax8: Pax8) -> None:
        """A customer who isn't at Pax8 yet is told prices too."""
        product = await anext(aiter(pax8.products("Visio Plan 1")))
        assert await pax8.pricing(product.id, None)


class TestPasswords:
    """IT Glue's password records (itglue.md §4.2 to §5)."""

    async def test_a_record_is_made_restricted_related_and_read_back(
        self, itglue: ITGlue, sandbox: SandboxAddress, name: str
    ) -> None:
        """The whole of §5; not one of the calls lets a secret travel."""
        place = sandbox.place()
        [category] = await itglue.password_categories("OTP secret key")
        admin = await itglue.create_password(
            CONTOSO, name, placeholder="none yet", category_id=15, user_name="admin@x.onmicrosoft.com"
        )
        key = await itglue.create_password(
            CONTOSO, f"{name} key", placeholder="none yet", category_id=category.id, restricted=True
        )
        assert key.restricted and not key.was_stored and key.otp_enabled is False
        await itglue.show_to_groups_only(key.id, [DESK])
        await itglue.show_to_groups_only(key.id, [SENIOR])
        await itglue.relate_passwords(admin.id, key.id, "its key")
        shown = await itglue.password(key.id)
        assert (shown.groups, shown.users, shown.record.password_category_id) == ((SENIOR,), (), category.id)
        assert (await itglue.password(admin.id)).related_passwords == (key.id,)
        for entry in sandbox.ledger("itglue", place):
            if entry["path"].endswith(("/passwords", f"/passwords/{key.id}", f"/passwords/{admin.id}")):
                assert "false" in str(entry["query"]), entry["path"]

    async def test_a_persons_secrets_are_seen_to_be_there_and_never_read(
        self, itglue: ITGlue, sandbox: SandboxAddress, name: str
    ) -> None:
        """Stored since it was made, a one-time password set up, a key in the notes: no value in any of it."""
        made = await itglue.create_password(CONTOSO, name, placeholder="none yet", category_id=15)
        seed = "JBSWY3DPEHPK3PXP"
        told = {"password": "S3cret-of-the-admin", "otp_secret": seed}
        sandbox.control("POST", f"itglue/passwords/{made.id}/store", told)
        sandbox.control("PATCH", f"records/itglue.passwords/{made.id}", {"notes": f"key: {seed}"})
        shown = await itglue.password(made.id)
        assert shown.record.was_stored and shown.record.otp_enabled and shown.record.seed_in_words
        [listed] = await itglue.passwords_by_id([made.id, 999_999])
        assert listed.was_stored
        for text in (repr(shown), shown.model_dump_json(), repr(listed)):
            assert "S3cret" not in text and seed not in text

    async def test_a_group_without_access_to_the_organisation_is_refused(self, itglue: ITGlue, name: str) -> None:
        """The vendor's own words say why (§4.5)."""
        made = await itglue.create_password(WOODGROVE, name, placeholder="x", category_id=16, restricted=True)
        with pytest.raises(Refused, match="access to the organization"):
            await itglue.show_to_groups_only(made.id, [SENIOR])
        assert (await itglue.password(made.id)).groups == ()

    async def test_a_category_is_found_by_its_exact_name(self, itglue: ITGlue, name: str) -> None:
        """IT Glue's own filter is not exact."""
        assert await itglue.password_categories(name) == []
        made = await itglue.create_password_category(name)
        await itglue.create_password_category(f"{name} old")
        assert await itglue.password_categories(name) == [made]

    @pytest.mark.parametrize(
        ("relationships", "included", "groups"),
        [
            ({}, [], None),
            ({"group-resource-accesses": {"data": [{"id": "1"}]}}, [], None),
            (
                {"group_resource_accesses": {"data": [{"id": "1"}]}},
                [{"id": "1", "type": "group_resource_accesses", "attributes": {"accessor_id": "42"}}],
                (42,),
            ),
            (
                {"group-resource-accesses": {"data": [{"id": "1"}]}},
                [{"id": "1", "type": "group-resource-accesses", "attributes": {"who": 42}}],
                None,
            ),
        ],
    )
    async def test_an_access_list_of_another_shape_is_unknown(
        self, relationships: dict[str, Any], included: list[Any], groups: tuple[int, ...] | None
    ) -> None:
        """Its shape is not confirmed (§9.3): either spelling is read, anything else is not taken for empty."""

        def answer(asked: Asked, vendor: Vendor) -> dict[str, Any]:
            assert asked.query["show_password"] == "false"
            attributes = {"name": "n", "organization-id": 2}
            return {"data": {"id": "5", "attributes": attributes, "relationships": relationships}, "included": included}

        async with served(answer) as vendor, ITGlue(api_key="k", address=vendor.address) as itglue:
            shown = await itglue.password(5)
        assert shown.groups == groups and shown.users is None and shown.record.otp_enabled is None


class TestRelationships:
    """Delegated admin relationships (graph.md §6)."""

    async def test_a_relationship_is_made_locked_approved_and_its_roles_assigned(
        self, partner: GraphPartner, sandbox: SandboxAddress, name: str
    ) -> None:
        """From `created` to a group of ours that holds the roles; the same name again is refused."""
        tenant = await partner.find_tenant("northwind.example")
        assert tenant is not None
        roles = sandbox_roles(await partner.relationships())
        made = await partner.create_relationship(
            name, roles, days=730, tenant_id=tenant.tenant_id, customer="Northwind Traders"
        )
        assert (made.status, made.customer_tenant_id, made.roles) == ("created", tenant.tenant_id, roles)
        with pytest.raises(Refused):
            await partner.create_relationship(name, roles, days=1, tenant_id=tenant.tenant_id, customer="N")
        assert not await partner.is_lock_asked(made.id)
        await partner.lock_for_approval(made.id)
        assert await partner.is_lock_asked(made.id)
        sandbox.control("POST", "clock", {"advance_seconds": 5})
        assert (await partner.relationship(made.id)).status == "approvalPending"
        with pytest.raises(Refused):
            await partner.lock_for_approval(made.id)
        with pytest.raises(Refused):
            await partner.assign_roles(made.id, "11111111-2222-4333-8444-555555555555", roles)
        sandbox.control("POST", f"graph/relationships/{made.id}/approve", {})
        for _ in range(2):
            sandbox.control("POST", "clock", {"advance_seconds": 5})
        assert (await partner.relationship(made.id)).status == "active"
        assert made.id in {one.id for one in await partner.all_relationships()}
        group = "11111111-2222-4333-8444-555555555555"
        await partner.assign_roles(made.id, group, roles)
        sandbox.control("POST", "clock", {"advance_seconds": 5})
        [assigned] = await partner.assignments(made.id)
        assert (assigned.status, assigned.group_id, assigned.roles) == ("active", group, roles)

    async def test_a_relationship_that_is_gone_is_not_found(self, partner: GraphPartner) -> None:
        """As with every vendor."""
        with pytest.raises(NotFound):
            await partner.relationship("no-such")

    async def test_an_accounts_second_factor_and_password_are_read(
        self, partner: GraphPartner, sandbox: SandboxAddress
    ) -> None:
        """How many authenticators, and whether the password was changed since the account was made."""
        tenant = await partner.find_tenant("contoso.example")
        assert tenant is not None
        contoso = partner.customer(tenant.tenant_id)
        ada = await contoso.user("ada@contoso.example")
        assert ada is not None and ada.password_was_changed is False
        assert await contoso.software_tokens("ada@contoso.example") == 0
        sandbox.control("POST", "clock", {"advance_seconds": 5})
        sandbox.control("POST", "graph/users/ada@contoso.example/token", {})
        ada = await contoso.user("ada@contoso.example")
        assert ada is not None and ada.password_was_changed is True
        assert await contoso.software_tokens("ada@contoso.example") == 1

    async def test_without_the_role_a_second_factor_cant_be_read(self, partner: GraphPartner) -> None:
        """A denial, not a nought."""
        tenant = await partner.find_tenant("woodgrove.example")
        assert tenant is not None
        with pytest.raises(Unauthorised):
            await partner.customer(tenant.tenant_id).software_tokens("anybody@woodgrove.example")


def sandbox_roles(active: list[Any]) -> frozenset[str]:
    return next(one.roles for one in active if len(one.roles) > 3)
