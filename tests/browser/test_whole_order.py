"""A whole order through the pages: launched from the form, released, signed in the console, seen completed."""

import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from deployments.player import Player
from deployments.stack import LocalStack
from tests.browser.conftest import Screen
from tests.procedures.requests import ROBERTA, contoso

pytestmark = pytest.mark.browser


def field(screen: Screen, label: str) -> WebElement:
    """The control below a field's label on a form of Prefect's."""
    named = f"normalize-space()='{label}' or starts-with(normalize-space(),'{label} (')"
    box = "ancestor::*[contains(concat(' ',@class,' '),' schema-form-property ')][1]"
    path = f"//label[{named}]/{box}//*[self::textarea or self::input or self::select]"
    found: WebElement = screen.until(
        lambda: next((e for e in screen.chrome.find_elements(By.XPATH, path) if e.is_displayed()), None), label
    )
    return found


def choose(screen: Screen, label: str, text: str) -> None:
    Select(field(screen, label)).select_by_visible_text(text)


@pytest.mark.timeout(300)
def test_an_order_from_the_launch_form_to_the_end_by_hand(stack: LocalStack, screen: Screen) -> None:
    """What a technician, contracts and the customer do, each on the page that they really use."""
    player = Player(stack.prefect_api, stack.sandbox_url)
    deployment = httpx.get(f"{stack.prefect_api}/deployments/name/new-subscription/main").raise_for_status().json()

    others, ordered = runs(stack), player.effects().count("order placed")

    screen.chrome.set_window_size(1400, 3300)
    screen.open(f"{stack.ui_url}/deployments/deployment/{deployment['id']}/run")
    for label, value in contoso().items():
        field(screen, label).send_keys(str(value))
    screen.shoot("launch-form-filled")
    screen.press("Submit")

    [run_id] = screen.until(lambda: [one for one in runs(stack) if one not in others], "the run")
    run = player.wait_until_waiting(run_id, "release-1")
    assert run["name"] == "Contoso Ltd · Visio Plan 1 × 3"
    screen.chrome.set_window_size(1400, 1300)
    screen.open(f"{stack.ui_url}/runs/flow-run/{run_id}")
    screen.press("Resume")
    screen.see("Release the agreement for 3 × Visio Plan 1 to Ada Byte")
    choose(screen, "Action", "release")
    field(screen, "Decided By").send_keys(ROBERTA)
    screen.shoot("release-form")
    screen.press("Submit")

    run = player.wait_until_waiting(run_id, "signature")
    screen.open(f"{stack.ui_url}/artifacts/artifact/{case_file(stack, run_id)}")
    screen.see("Whose turn it is")
    screen.see("Ada Byte")
    screen.shoot("waiting-run")

    screen.open(f"{stack.sandbox_url}/inbox")
    screen.shoot("customers-inbox")
    for signer in ("customer", "msp"):
        screen.click(f'[data-action="sign"][data-by="{signer}"][data-envelope="{player.envelope_of(run)}"]')
    player.wait_until_done(run_id)
    screen.open(f"{stack.ui_url}/runs/flow-run/{run_id}")
    screen.see("Completed")
    screen.open(f"{stack.ui_url}/artifacts/artifact/{case_file(stack, run_id)}")
    screen.see("Roberta Vale was asked to begin billing.")
    screen.shoot("finished-case-file")
    assert player.effects().count("order placed") == ordered + 1


def runs(stack: LocalStack) -> list[str]:
    """The procedures that were launched."""
    wanted = {"flows": {"name": {"any_": ["new-subscription"]}}}
    found = httpx.post(f"{stack.prefect_api}/flow_runs/filter", json=wanted).raise_for_status().json()
    return [run["id"] for run in found]


def case_file(stack: LocalStack, run_id: str) -> str:
    """The id of a run's case file."""
    wanted = {"flow_runs": {"id": {"any_": [run_id]}}}
    found = httpx.post(f"{stack.prefect_api}/artifacts/filter", json=wanted).raise_for_status().json()
    return next(str(page["id"]) for page in found if page["type"] == "markdown")
