"""What the blocks say when the vendors are the sandbox's stand-ins: read from the sandbox, never from its code."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from deployments.ports import LOOPBACK

Told = Mapping[str, Any]

GDAP_ROLES = """\
88d8e3e3-8f55-4a1e-953a-9b9898b8876b directory readers
4d6ac14f-3453-41d0-bef9-a3e0c569773a licence administrator
fe930be7-5e62-47db-91af-98c3a49a38b1 user administrator
c4e39bd9-1100-46d3-8c65-fb160da0071f authentication administrator"""

PROVISIONING_ANSWERS = """\
msCustExists = The customer already has a Microsoft account and I know its tenant ID
msTenantId = {{tenant_id}}
msDomain = (leave out)
mca2020FirstName = {{mca_first_name}}
mca2020LastName = {{mca_last_name}}
mca2020Email = {{mca_email}}
mca2020EffectiveDate = {{acceptance_date}}
msMPNidval = {partner_location_id}
msftContactFirstName = {{requester_first_name}}
msftContactLastName = {{requester_last_name}}
msftContactEmail = {{our_mailbox}}
microsoftCancelPolicyAcknowledgement = I understand that this subscription can only be cancelled or reduced \
within seven days of purchase or renewal"""

NEW_TENANT_ANSWERS = """\
msCustExists = The customer does not have a Microsoft account and a new one should be created
msTenantId = (leave out)
msDomain = {onmicrosoft_prefix}"""

WHERE = ("prefect_url", "autotask_url", "itglue_url", "docusign_url", "clock_url")
"""Settings that say where things are: written anew at each start, since the ports may have changed."""


def credentials(told: Told, webhook: str) -> dict[str, dict[str, Any]]:
    """The values of the six credentials blocks, by section. `told`: the answer of `GET /_sandbox/credentials`."""
    docusign, pax8, autotask, itglue = told["docusign"], told["pax8"], told["autotask"], told["itglue"]
    mail, partner = told["graph_mail"], told["graph_partner"]
    return {
        "docusign": {
            "account_id": docusign["account_id"],
            "integration_key": docusign["integration_key"],
            "user_id": docusign["user_id"],
            "private_key": docusign["private_key"],
            "oauth_address": docusign["oauth_url"],
            "webhook_url": webhook,
            "connect_key": docusign["hmac_key"],
        },
        "pax8": {
            "client_id": pax8["client_id"],
            "client_secret": pax8["client_secret"],
            "api_address": pax8["base_url"],
            "token_address": pax8["token_url"],
            "audience": pax8["audience"],
        },
        "autotask": {
            "user_name": autotask["user_name"],
            "secret": autotask["secret"],
            "integration_code": autotask["integration_code"],
            "address": autotask["zone_url"],
        },
        "itglue": {"api_key": itglue["api_key"], "address": itglue["base_url"]},
        "graph_mail": {
            "mailbox": mail["mailbox"],
            "tenant_id": mail["tenant_id"],
            "client_id": mail["client_id"],
            "client_secret": mail["client_secret"],
            "address": mail["graph_url"],
            "login_address": mail["login_url"],
        },
        "graph_partner": {
            "tenant_id": partner["tenant_id"],
            "client_id": partner["client_id"],
            "client_secret": partner["client_secret"],
            "refresh_token": partner["refresh_token"],
            "address": partner["graph_url"],
            "login_address": partner["login_url"],
        },
    }


def settings(told: Told, sandbox_url: str, ui_url: str) -> dict[str, Any]:
    """The values of the settings block for the sandbox's MSP; patience is short, for one person playing all parts."""
    msp, docusign = told["msp"], told["docusign"]
    staff = {member["key"]: member for member in told["staff"]}
    office = in_words(staff["roberta"])
    return {
        "msp_name": msp["name"],
        "time_zone": msp["time_zone"],
        "holiday_country": "US",
        "holiday_subdivision": "NY",
        "currency": msp["currency"],
        "shared_mailbox": msp["mailbox"],
        "contracts": office,
        "billing": office,
        "pricing": in_words(staff["matthew"]),
        "msp_signer": office,
        "senior_staff": "\n".join(in_words(member) for member in told["staff"] if member["senior"]),
        "objection_minutes": 0,
        "order_settle_seconds": 20,
        "provisioning_poll_seconds": 30,
        "product_map": "\n".join(
            f"{mapped['our_name']} | {mapped['our_name']} | {mapped['product_id']}" for mapped in told["product_map"]
        ),
        "provisioning_answers": PROVISIONING_ANSWERS.format(partner_location_id=msp["partner_location_id"]),
        "new_tenant_answers": NEW_TENANT_ANSWERS,
        "shared_mail_domains": "mail.example",
        "gdap_groups": f"{msp['gdap_group_id']} our technicians",
        "template_monthly": docusign["templates"]["Monthly"],
        "template_annual": docusign["templates"]["1-Year"],
        "client_role": docusign["template_roles"]["customer"],
        "msp_role": docusign["template_roles"]["msp"],
        "publish_internal": "Internal Project Team",
        "queue": "Licensing",
        "gdap_roles": GDAP_ROLES,
        "order_mail_sender": "no-reply@pax8.example",
        "order_mail_folder": told["folders"]["orders"],
        "customer_mail_folder": told["folders"]["clients"],
        "autotask_url": sandbox_url,
        "itglue_url": sandbox_url,
        "docusign_url": sandbox_url,
        "prefect_url": ui_url,
        "clock_url": f"{sandbox_url}/_sandbox/clock",
    }


def in_words(member: Mapping[str, str]) -> str:
    """A member of staff as the settings write people: `Name <address>, phone`."""
    return f"{member['name']} <{member['email']}>, {member['phone']}"


def is_on_this_machine(values: Mapping[str, Any]) -> bool:
    """Whether every address among a block's values is a loopback one, so that it can't be a real vendor's."""
    addresses = [v for name, v in values.items() if name.endswith("address") and isinstance(v, str)]
    return all(urlsplit(address).hostname in (LOOPBACK, "localhost") for address in addresses)
