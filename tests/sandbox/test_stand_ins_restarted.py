"""Autotask, IT Glue and Graph keep over a restart what they have answered."""

from pathlib import Path

from tests.sandbox.graph_access import IMMUTABLE, by_key, draft, mail_client
from tests.sandbox.stand_ins import StandIns, stand_ins


def autotask_headers(server: StandIns) -> dict[str, str]:
    """The three headers."""
    given = server.credentials["autotask"]
    return {
        "ApiIntegrationCode": given["integration_code"],
        "UserName": given["user_name"],
        "Secret": given["secret"],
    }


def test_tickets_assets_mails_and_what_is_still_on_its_way_survive_a_restart(tmp_path: Path) -> None:
    """A mail that is delayed arrives after the restart; a delta link goes on where it was."""
    state = tmp_path / "sandbox.db"
    ticket = {"companyID": 175, "title": "t", "status": 1, "priority": 2, "queueID": 29682833, "externalID": "k"}
    asset = {"organization-id": 2175, "flexible-asset-type-id": 33, "traits": {"application-name": "Visio Plan 1"}}
    with stand_ins(state) as server:
        key = server.credentials["itglue"]["api_key"]
        with server.client("/autotask/ATServicesRest/V1.0/", autotask_headers(server)) as autotask:
            ticket_id = autotask.post("Tickets", json=ticket).json()["itemId"]
        with server.client("/itglue/", {"x-api-key": key}) as itglue:
            body = {"data": {"type": "flexible-assets", "attributes": asset}}
            asset_id = itglue.post("flexible_assets", json=body).json()["data"]["id"]
        with mail_client(server) as mailbox:
            message_id = mailbox.post("messages", json=draft(), headers=IMMUTABLE).json()["id"]
            delta = mailbox.get("mailFolders/inbox/messages/delta").json()["@odata.deltaLink"].partition("?")[2]
        server.control("POST", "mails", {"from": "ada@contoso.example", "subject": "late", "text": "x", "delay": 600})
    with stand_ins(state) as server:
        server.advance(seconds=601)
        with server.client("/autotask/ATServicesRest/V1.0/", autotask_headers(server)) as autotask:
            assert autotask.get(f"Tickets/{ticket_id}").json()["item"]["externalID"] == "k"
        with server.client("/itglue/", {"x-api-key": key}) as itglue:
            shown = itglue.get(f"flexible_assets/{asset_id}").json()["data"]["attributes"]
            assert shown["name"] == "Visio Plan 1"
        with mail_client(server) as mailbox:
            assert [found["id"] for found in by_key(mailbox, "ORD-1/billing")] == [message_id]
            changes = mailbox.get(f"mailFolders/inbox/messages/delta?{delta}").json()["value"]
            assert [mail["subject"] for mail in changes] == ["late"]
        assert len(server.effects("graph", "mail received")) == 1
