"""What the set-up makes of the sandbox's answers, of the environment, and of prefect.yaml."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prefect.blocks.core import Block
from prefect.flows import load_flow_from_entrypoint

from deployments import sandbox_blocks
from deployments.blocks import BLOCKS, CREDENTIALS, BadSetup, built, given_by
from deployments.check import NotWorking, check_block
from deployments.environment import WORK_POOL
from tasks.settings import CountersignSettings
from tests.sandbox.stand_ins import StandIns, stand_ins
from vendors.autotask import AutotaskBlock
from vendors.pax8 import Pax8Block

ROOT = Path(__file__).parents[2]
WEBHOOK = "http://127.0.0.1:1/hooks/docusign"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[StandIns]:
    with stand_ins() as one:
        yield one


@pytest.fixture
def told(sandbox: StandIns) -> dict[str, dict[str, Any]]:
    """Every block's values, as the set-up reads them from the sandbox."""
    settings = sandbox_blocks.settings(sandbox.credentials, sandbox.base_url, "http://127.0.0.1:4200")
    return {**sandbox_blocks.credentials(sandbox.credentials, WEBHOOK), "settings": settings}


@pytest.mark.parametrize("section", BLOCKS)
async def test_every_block_filled_from_the_sandbox_works(told: dict[str, dict[str, Any]], section: str) -> None:
    assert await check_block(built(BLOCKS[section], told[section]))


async def test_every_label_and_name_in_the_settings_exists_in_the_sandboxs_autotask(
    told: dict[str, dict[str, Any]],
) -> None:
    labels = CountersignSettings(**told["settings"]).read().labels
    async with AutotaskBlock(**told["autotask"]).client() as autotask:
        wanted = {
            ("TicketNotes", "noteType"): {labels.note_type},
            ("TicketNotes", "publish"): {labels.publish_internal, labels.publish_all},
            ("Tickets", "status"): {labels.status_complete, labels.status_waiting},
            ("Tickets", "queueID"): {labels.queue},
            ("Tickets", "priority"): {labels.priority_normal, labels.priority_top},
        }
        for (entity, field), named in wanted.items():
            assert named <= set(await autotask.picklist(entity, field))


async def test_every_provisioning_question_of_a_plain_product_is_answered(
    told: dict[str, dict[str, Any]],
) -> None:
    settings = CountersignSettings(**told["settings"]).read()
    visio = settings.product_map.named("Visio Plan 1")
    assert visio is not None
    async with Pax8Block(**told["pax8"]).client() as pax8:
        for question in await pax8.provision_details(visio.product_id):
            (answer, *_) = settings.answers.answers[question.key]
            assert not question.possible_values or answer in question.possible_values


async def test_a_wrong_secret_is_told_without_showing_it(told: dict[str, dict[str, Any]]) -> None:
    block = Pax8Block(**{**told["pax8"], "client_secret": "not-the-secret"})
    with pytest.raises(NotWorking, match="Pax8") as wrong:
        await check_block(block)
    assert "not-the-secret" not in str(wrong.value)


def test_a_missing_field_is_named_and_what_the_others_hold_is_not(told: dict[str, dict[str, Any]]) -> None:
    values = {k: v for k, v in told["docusign"].items() if k != "user_id"} | {"private_key": ["a secret"]}
    with pytest.raises(BadSetup, match="user_id") as wrong:
        built(CREDENTIALS["docusign"], values)
    assert "a secret" not in str(wrong.value)


def test_a_blocks_fields_are_taken_from_variables_named_after_them() -> None:
    environment = {
        "COUNTERSIGN_PAX8_CLIENT_ID": "me",
        "COUNTERSIGN_GRAPH_MAIL_MAILBOX": "us@msp",
        "PATH": "/bin",
    }
    assert given_by(environment, "pax8") == {"client_id": "me"}
    assert given_by(environment, "graph_mail") == {"mailbox": "us@msp"}
    assert given_by(environment, "docusign") == {}


def test_a_variable_that_names_no_field_is_refused_not_ignored() -> None:
    with pytest.raises(BadSetup, match="COUNTERSIGN_PAX8_CLIENT_SECRETT"):
        given_by({"COUNTERSIGN_PAX8_CLIENT_SECRETT": "a secret"}, "pax8")


@pytest.mark.parametrize("section", CREDENTIALS)
def test_a_block_with_a_real_vendors_address_is_not_taken_for_the_sandboxs(
    told: dict[str, dict[str, Any]], section: str
) -> None:
    assert sandbox_blocks.is_on_this_machine(told[section])
    defaults = {
        name: field.default
        for name, field in CREDENTIALS[section].model_fields.items()
        if name.endswith("address") and not field.is_required()
    }
    assert defaults
    assert not sandbox_blocks.is_on_this_machine({**told[section], **defaults})


def deployments() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    return found


@pytest.mark.parametrize("deployment", deployments(), ids=lambda one: str(one["entrypoint"]))
def test_every_deployment_is_named_main_and_its_flow_can_be_loaded(
    deployment: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert deployment["name"] == "main"
    assert deployment["work_pool"]["name"] == WORK_POOL
    assert load_flow_from_entrypoint(deployment["entrypoint"])


def test_only_reconcile_and_the_audit_run_by_the_clock() -> None:
    """Every 15 minutes, and each day before working hours in the MSP's zone."""
    scheduled = {one["entrypoint"]: one["schedules"] for one in deployments() if one["schedules"]}
    [audit], [reconcile] = scheduled.pop("flows/audit.py:audit"), scheduled.pop("flows/reconcile.py:reconcile")
    assert not scheduled
    assert reconcile["interval"] == 15 * 60
    assert (audit["cron"], audit["timezone"]) == ("0 6 * * *", "America/New_York")


def test_prefect_yaml_names_no_path_of_a_machine() -> None:
    assert str(ROOT) not in (ROOT / "prefect.yaml").read_text()


def test_every_block_has_a_form_with_a_description_for_each_field() -> None:
    for kind in BLOCKS.values():
        assert issubclass(kind, Block)
        assert all(field.description for field in kind.model_fields.values()), kind.__name__
