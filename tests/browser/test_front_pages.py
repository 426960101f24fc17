"""The pages that a person opens first: they come up, and find what stands behind them."""

import httpx
import pytest

from deployments.stack import LocalStack
from tests.browser.conftest import Screen

pytestmark = pytest.mark.browser


def test_the_prefect_page_reaches_its_server_and_shows_the_deployments(stack: LocalStack, screen: Screen) -> None:
    screen.open(f"{stack.ui_url}/deployments")
    for name in ("new-subscription", "reconcile", "end-subscription"):
        screen.see(name)
    assert "Can't connect" not in screen.text()
    screen.shoot("deployments")


def test_the_launch_form_shows_every_field_in_order_with_its_description(stack: LocalStack, screen: Screen) -> None:
    deployment = httpx.get(f"{stack.prefect_api}/deployments/name/new-subscription/main").raise_for_status().json()
    fields = sorted(deployment["parameter_openapi_schema"]["properties"].values(), key=lambda f: int(f["position"]))
    screen.open(f"{stack.ui_url}/deployments/deployment/{deployment['id']}/run")
    screen.see(first_sentence(fields[-1]["description"]))
    places = [screen.text().find(first_sentence(field["description"])) for field in fields]
    screen.shoot("launch-form")
    assert -1 not in places, [f["title"] for f, place in zip(fields, places, strict=True) if place == -1]
    assert places == sorted(places)


def first_sentence(description: str) -> str:
    """As much of a description as surely stands on one line of the page."""
    return description.split("\n")[0].split(". ")[0].rstrip(".")


def test_the_sandboxs_console_opens(stack: LocalStack, screen: Screen) -> None:
    screen.open(stack.sandbox_url)
    screen.see("Contoso")
    screen.shoot("console")
