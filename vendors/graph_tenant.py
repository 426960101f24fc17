"""A customer's tenant by Graph: the licences that arrived, the users that hold them, and the domains."""

from types import TracebackType
from typing import Any, Self

from vendors.graph_http import GraphHttp, segment
from vendors.http import NotFound
from vendors.wire import MaybeDateTime, VendorModel, text


class SubscribedSku(VendorModel):
    """One kind of licence in a tenant, all its subscriptions added up (graph.md §7.1)."""

    sku_id: str
    sku_part_number: str
    capability_status: str = ""
    consumed: int = 0
    enabled: int = 0
    warning: int = 0
    suspended: int = 0
    subscription_ids: tuple[str, ...] = ()


class DirectorySubscription(VendorModel):
    """One commercial subscription of a tenant. `next_lifecycle_at` is UTC.

    Whether `commerce_subscription_id` is the distributor's id isn't confirmed (graph.md §7.1).
    """

    id: str
    commerce_subscription_id: str = ""
    sku_id: str = ""
    sku_part_number: str = ""
    status: str = ""
    total_licences: int = 0
    is_trial: bool = False
    owner_tenant_id: str = ""
    created_at: MaybeDateTime = None
    next_lifecycle_at: MaybeDateTime = None


class TenantUser(VendorModel):
    """A user account; `usage_location` (two letters) must be set before it can hold a licence."""

    id: str
    user_principal_name: str
    display_name: str = ""
    account_enabled: bool = False
    usage_location: str = ""
    sku_ids: frozenset[str] = frozenset()
    created_at: MaybeDateTime = None
    password_changed_at: MaybeDateTime = None

    @property
    def password_was_changed(self) -> bool | None:
        """Whether the password was changed after the account had been made; None: Microsoft doesn't say."""
        if self.created_at is None or self.password_changed_at is None:
            return None
        return self.password_changed_at > self.created_at


class Domain(VendorModel):
    """A domain of a tenant; the initial one is its `*.onmicrosoft.com` name."""

    name: str
    is_default: bool = False
    is_initial: bool = False
    is_verified: bool = False


class CustomerTenant:
    """One customer's tenant, read with the MSP's delegated rights; made by `GraphPartner.customer`."""

    def __init__(self, tenant_id: str, graph: GraphHttp) -> None:
        self.tenant_id = tenant_id
        self._graph = graph

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._graph.aclose()

    async def subscribed_skus(self) -> list[SubscribedSku]:
        """Return the kinds of licence with their counts."""
        return [_sku(record) for record in await self._graph.list("/subscribedSkus")]

    async def directory_subscriptions(self) -> list[DirectorySubscription]:
        """Return the commercial subscriptions, one entry each."""
        return [_subscription(record) for record in await self._graph.list("/directory/subscriptions")]

    async def user(self, upn: str) -> TenantUser | None:
        """Return a user by principal name; None if there is none."""
        fields = "id,userPrincipalName,displayName,accountEnabled,usageLocation,assignedLicenses,"
        fields += "createdDateTime,lastPasswordChangeDateTime"
        try:
            record = await self._graph.get(f"/users/{segment(upn)}", {"$select": fields})
        except NotFound:
            return None
        return TenantUser(
            id=text(record, "id"),
            user_principal_name=text(record, "userPrincipalName"),
            display_name=text(record, "displayName"),
            account_enabled=bool(record.get("accountEnabled")),
            usage_location=text(record, "usageLocation"),
            sku_ids=frozenset(text(one, "skuId") for one in record.get("assignedLicenses") or []),
            created_at=record.get("createdDateTime"),
            password_changed_at=record.get("lastPasswordChangeDateTime"),
        )

    async def software_tokens(self, upn: str) -> int:
        """Return how many authenticator apps an account has; their keys can't be read (graph.md §7.4)."""
        return len(await self._graph.list(f"/users/{segment(upn)}/authentication/softwareOathMethods"))

    async def domains(self) -> list[Domain]:
        """Return the tenant's domains."""
        return [
            Domain(
                name=text(record, "id"),
                is_default=bool(record.get("isDefault")),
                is_initial=bool(record.get("isInitial")),
                is_verified=bool(record.get("isVerified")),
            )
            for record in await self._graph.list("/domains")
        ]


def _sku(record: dict[str, Any]) -> SubscribedSku:
    units = record.get("prepaidUnits") or {}
    return SubscribedSku(
        sku_id=text(record, "skuId"),
        sku_part_number=text(record, "skuPartNumber"),
        capability_status=text(record, "capabilityStatus"),
        consumed=record.get("consumedUnits") or 0,
        enabled=units.get("enabled") or 0,
        warning=units.get("warning") or 0,
        suspended=units.get("suspended") or 0,
        subscription_ids=tuple(str(one) for one in record.get("subscriptionIds") or []),
    )


def _subscription(record: dict[str, Any]) -> DirectorySubscription:
    return DirectorySubscription(
        id=text(record, "id"),
        commerce_subscription_id=text(record, "commerceSubscriptionId"),
        sku_id=text(record, "skuId"),
        sku_part_number=text(record, "skuPartNumber"),
        status=text(record, "status"),
        total_licences=record.get("totalLicenses") or 0,
        is_trial=bool(record.get("isTrial")),
        owner_tenant_id=text(record, "ownerTenantId"),
        created_at=record.get("createdDateTime"),
        next_lifecycle_at=record.get("nextLifecycleDateTime"),
    )
