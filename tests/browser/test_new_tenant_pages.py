"""A new tenant is finished through the console's pages: second factor, both records, our delegated rights."""

import pytest

from deployments.new_tenant import DOMAIN, MUNSON, SAM, Play
from deployments.player import Player
from deployments.stack import LocalStack
from tests.browser.conftest import Screen

pytestmark = pytest.mark.browser
ORGANISATION = 2185


@pytest.mark.timeout(300)
def test_a_new_tenant_is_secured_and_delegated_by_the_consoles_buttons(stack: LocalStack, screen: Screen) -> None:
    """The senior colleague and the customer's administrator, each on a page of the console; nothing shows a secret."""
    player = Player(stack.prefect_api, stack.sandbox_url)
    set_up = Play(player, print).order()
    player.wait_until_waiting(set_up, "admin-account")

    screen.chrome.set_window_size(1400, 1300)
    [company] = [one["id"] for one in player.records("pax8.companies") if one["name"] == MUNSON["customer"]]
    screen.open(f"{stack.sandbox_url}/licences")
    screen.click(f'a[data-company="{company}"]')
    screen.see(f"Microsoft tenant {DOMAIN}")
    screen.click('[data-action="enrol"]')
    screen.see("has a second factor and a new password")

    screen.open(f"{stack.sandbox_url}/assets?organisation={ORGANISATION}")
    for record in [one for one in player.records("itglue.passwords") if one["organization-id"] == ORGANISATION]:
        screen.click(f'[data-action="store"][data-password="{record["id"]}"]')
        screen.until(lambda at=record["id"]: "stored" in card(screen, at), "stored")
    screen.shoot("new-tenant-stored")
    player.answer(set_up, action="it is done", decided_by=SAM)

    player.wait_until_waiting(set_up, "gdap-1")
    screen.open(f"{stack.sandbox_url}/licences?company={company}")
    screen.find('[data-action="approve"]')
    screen.shoot("new-tenant-to-approve")
    screen.click('[data-action="approve"]')
    player.look_until(set_up, "gdap-roles")
    player.look_until(set_up, "")
    screen.until(lambda: "approvalPending" not in screen.text() and "active" in screen.text(), "active")
    screen.shoot("new-tenant-approved")

    hidden = [one["firstPassword"] for one in player.records("graph.users") if "firstPassword" in one]
    for record in player.records("itglue.passwords"):
        hidden += [record[name] for name in ("password", "otp-secret") if record.get(name)]
    assert len(hidden) == 4
    for page in ("licences", f"assets?organisation={ORGANISATION}", "ledger", ""):
        screen.open(f"{stack.sandbox_url}/{page}")
        assert not [one for one in hidden if one in screen.chrome.page_source], page


def card(screen: Screen, record: int) -> str:
    """What the page says of one password record."""
    text = screen.find(f'div[data-password="{record}"]').text
    return "" if "nobody has stored it yet" in text else text
