"""The partner's view by Graph: delegated admin relationships, whose domain is whose, and customers' tenants."""

import re
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from vendors.graph_http import GRAPH, LOGIN, GraphHttp, Login, quoted, segment
from vendors.graph_tenant import CustomerTenant
from vendors.http import NotFound, Refused, RetryPolicy, Token
from vendors.wire import MaybeDateTime, VendorModel, text

VENDOR = "Graph partner"
_RELATIONSHIPS = "/tenantRelationships/delegatedAdminRelationships"
_DOMAIN = re.compile(r"(?i)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")


class Relationship(VendorModel):
    """A delegated admin relationship (GDAP). `roles` are Entra role template ids; `end` is in UTC (graph.md §6).

    `customer_tenant_id` is None until a customer has accepted an open invitation.
    """

    id: str
    display_name: str
    status: str
    customer_tenant_id: str | None = None
    customer_name: str = ""
    roles: frozenset[str] = frozenset()
    end: MaybeDateTime = None


class AccessAssignment(VendorModel):
    """Roles of a relationship that a security group of ours holds; they work while `status` is active (graph.md §6)."""

    id: str
    status: str
    group_id: str = ""
    roles: frozenset[str] = frozenset()


class Tenant(VendorModel):
    """What Microsoft tells anybody about the tenant of a domain (graph.md, addendum)."""

    tenant_id: str
    display_name: str = ""
    default_domain_name: str = ""
    federation_brand_name: str = ""


class GraphPartner:
    """The MSP's tenant and its customers', with the delegated service account; an async context manager.

    Its refresh token may be rotated: the new one lives in memory as long as the client. Every method raises
    `VendorError`s.
    """

    def __init__(
        self,
        *,
        tenant_id: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        address: str = GRAPH,
        login_address: str = LOGIN,
        timeout: float = 60.0,
        policy: RetryPolicy | None = None,
    ) -> None:
        self._tenant_id = tenant_id
        self._address = address
        self._timeout = timeout
        self._policy = policy
        self._login = Login(
            VENDOR,
            login_address,
            client_id=client_id,
            client_secret=client_secret,
            refresh_token=refresh_token,
            policy=policy,
        )
        self._graph = GraphHttp(VENDOR, address, self._token, timeout=timeout, policy=policy)
        self._customers: dict[str, CustomerTenant] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, the customers' too."""
        for customer in self._customers.values():
            await customer.aclose()
        await self._graph.aclose()
        await self._login.aclose()

    async def check(self) -> str:
        """Return one line saying that relationships can be read; raises `VendorError` if they can't."""
        active = await self.relationships()
        return f"Graph partner works in tenant {self._tenant_id}, with {len(active)} active relationships"

    async def relationships(self, status: str = "active") -> list[Relationship]:
        """Return the delegated admin relationships of one status, e.g. active or approvalPending."""
        found = await self._graph.list(
            _RELATIONSHIPS,
            {"$filter": f"status eq {quoted(status)}", "$top": 300},
        )
        return [one for one in map(_relationship, found) if one.status == status]

    async def all_relationships(self) -> list[Relationship]:
        """Return the relationships of every status; a call for 300."""
        return [_relationship(record) for record in await self._graph.list(_RELATIONSHIPS, {"$top": 300})]

    async def relationship(self, relationship_id: str) -> Relationship:
        """Return one relationship; `NotFound` when it is gone."""
        return _relationship(await self._graph.get(f"{_RELATIONSHIPS}/{segment(relationship_id)}"))

    async def create_relationship(
        self, name: str, roles: Iterable[str], *, days: int, tenant_id: str, customer: str
    ) -> Relationship:
        """Create a relationship for one tenant, not sent to anybody yet. `name` is unique over all of ours (§6).

        Look for the name first. It isn't extended by itself.
        """
        body = {
            "displayName": name,
            "duration": f"P{days}D",
            "autoExtendDuration": "PT0S",
            "customer": {"tenantId": tenant_id, "displayName": customer},
            "accessDetails": _unified(roles),
        }
        return _relationship(await self._graph.post(_RELATIONSHIPS, body))

    async def is_lock_asked(self, relationship_id: str) -> bool:
        """Return whether locking was asked for already, done or under way: Microsoft takes a moment (§6)."""
        path = f"{_RELATIONSHIPS}/{segment(relationship_id)}/requests"
        return any(
            text(one, "action") == "lockForApproval" and text(one, "status") != "failed"
            for one in await self._graph.list(path)
        )

    async def lock_for_approval(self, relationship_id: str) -> None:
        """Finalise a relationship that is `created`: from then on its link can be approved (§6)."""
        path = f"{_RELATIONSHIPS}/{segment(relationship_id)}/requests"
        await self._graph.post(path, {"action": "lockForApproval"})

    async def assignments(self, relationship_id: str) -> list[AccessAssignment]:
        """Return which groups of ours hold which roles of a relationship."""
        path = f"{_RELATIONSHIPS}/{segment(relationship_id)}/accessAssignments"
        return [_assignment(record) for record in await self._graph.list(path)]

    async def assign_roles(self, relationship_id: str, group_id: str, roles: Iterable[str]) -> AccessAssignment:
        """Give a security group of ours roles of an active relationship. Look first; it is pending for a while."""
        path = f"{_RELATIONSHIPS}/{segment(relationship_id)}/accessAssignments"
        container = {"accessContainerId": group_id, "accessContainerType": "securityGroup"}
        return _assignment(
            await self._graph.post(path, {"accessContainer": container, "accessDetails": _unified(roles)})
        )

    async def find_tenant(self, domain: str) -> Tenant | None:
        """Return the Microsoft tenant that a domain belongs to; None if Microsoft knows none."""
        wanted = domain.strip().rstrip(".").lower()
        if not _DOMAIN.fullmatch(wanted):
            raise Refused(VENDOR, f"{domain!r} isn't a domain name")
        name = quoted(wanted)
        try:
            record = await self._graph.get(f"/tenantRelationships/findTenantInformationByDomainName(domainName={name})")
        except NotFound:
            return None
        return Tenant(
            tenant_id=text(record, "tenantId"),
            display_name=text(record, "displayName"),
            default_domain_name=text(record, "defaultDomainName"),
            federation_brand_name=text(record, "federationBrandName"),
        )

    def customer(self, tenant_id: str) -> CustomerTenant:
        """Return a client for a customer's tenant; it is closed together with this one."""
        if tenant_id not in self._customers:

            async def token() -> Token:
                return await self._login.as_service_account(tenant_id)

            graph = GraphHttp(VENDOR, self._address, token, timeout=self._timeout, policy=self._policy)
            self._customers[tenant_id] = CustomerTenant(tenant_id, graph)
        return self._customers[tenant_id]

    async def _token(self) -> Token:
        return await self._login.as_service_account(self._tenant_id)


def _relationship(record: dict[str, Any]) -> Relationship:
    customer = record.get("customer") or {}
    roles = (record.get("accessDetails") or {}).get("unifiedRoles") or []
    return Relationship(
        id=text(record, "id"),
        display_name=text(record, "displayName"),
        status=text(record, "status"),
        customer_tenant_id=customer.get("tenantId") or None,
        customer_name=text(customer, "displayName"),
        roles=frozenset(text(role, "roleDefinitionId") for role in roles),
        end=record.get("endDateTime"),
    )


def _assignment(record: dict[str, Any]) -> AccessAssignment:
    roles = (record.get("accessDetails") or {}).get("unifiedRoles") or []
    return AccessAssignment(
        id=text(record, "id"),
        status=text(record, "status"),
        group_id=text(record.get("accessContainer") or {}, "accessContainerId"),
        roles=frozenset(text(role, "roleDefinitionId") for role in roles),
    )


def _unified(roles: Iterable[str]) -> dict[str, Any]:
    return {"unifiedRoles": [{"roleDefinitionId": role} for role in sorted(set(roles))]}
