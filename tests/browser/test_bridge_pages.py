"""A bridge through the pages: started by its form, its terms answered by one click in the console, bought."""

from datetime import timedelta

import httpx
import pytest

from deployments.player import Player
from deployments.stack import LocalStack
from tests.browser.conftest import Screen
from tests.browser.test_whole_order import case_file, field
from tests.procedures.requests import bridge

pytestmark = pytest.mark.browser
BEN = "ben@contoso.example"
PRODUCT = "Power BI Pro"


@pytest.mark.timeout(300)
def test_a_bridge_is_bought_by_one_click_of_the_customer(stack: LocalStack, screen: Screen) -> None:
    """Technician and customer, each on the page that they really use; nobody starts reconcile by hand."""
    player = Player(stack.prefect_api, stack.sandbox_url)
    deployment = httpx.get(f"{stack.prefect_api}/deployments/name/bridge/main").raise_for_status().json()
    wanted = bridge(confirmer=BEN, signer="ada@contoso.example", product=PRODUCT, quote_line=PRODUCT)
    del wanted["name"]
    wanted["needed_by"] = f"{player.now() + timedelta(days=5):%m%d%Y}"  # as a date is typed in this browser

    screen.chrome.set_window_size(1400, 3600)
    screen.open(f"{stack.ui_url}/deployments/deployment/{deployment['id']}/run")
    for label, value in wanted.items():
        field(screen, label).send_keys(str(value))
    screen.shoot("bridge-form-filled")
    screen.press("Submit")

    [run_id] = screen.until(lambda: bridges(stack), "the run")
    run = player.wait_until_waiting(run_id, "confirmation-1")
    assert run["name"] == "Contoso Ltd · Power BI Pro × 3, bridge"
    assert player.effects_of("order placed") == []

    screen.chrome.set_window_size(1400, 1300)
    screen.open(f"{stack.sandbox_url}/mail?person={BEN}")
    screen.click("a[data-mail]")
    screen.see("I confirm CS-")
    screen.shoot("bridge-terms")
    opened = player.now()
    screen.until(lambda: player.now() > opened + timedelta(seconds=1), "the terms read: not in the second they came")
    screen.click("#reply-sentence")

    player.wait_until_waiting(run_id, "agreement-1")
    [order] = player.effects_of("order placed")
    assert [line["commitment_term"] for line in order["lines"]] == ["Monthly"]
    screen.open(f"{stack.ui_url}/artifacts/artifact/{case_file(stack, run_id)}")
    screen.see("Whose turn it is")
    screen.see(f"{BEN} confirmed the terms in writing: 3 × {PRODUCT}.")
    screen.see("Reminder ticket opened")
    screen.shoot("bridge-under-way")


def bridges(stack: LocalStack) -> list[str]:
    """The bridges that were launched."""
    wanted = {"flows": {"name": {"any_": ["bridge"]}}}
    found = httpx.post(f"{stack.prefect_api}/flow_runs/filter", json=wanted).raise_for_status().json()
    return [run["id"] for run in found]
