"""The whole stack over HTTP: webhooks lost, doubled and out of order, a worker killed, code deployed under a run."""

import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.player import Player
from deployments.stack import LocalStack
from tests.procedures.harness import Sandbox
from tests.procedures.requests import ROBERTA, contoso


def to_the_signature(player: Player) -> tuple[str, str]:
    """Start a procedure and bring it to the wait for its signature; returns the run's and the envelope's id."""
    run_id = player.start("new-subscription", contoso(), str(uuid.uuid4()))
    player.wait_until_waiting(run_id, "release-1")
    player.answer(run_id, action="release", decided_by=ROBERTA)
    run = player.wait_until_waiting(run_id, "signature")
    return run_id, player.envelope_of(run)


def test_an_unknown_parameter_is_refused_by_the_api(player: Player, sandbox: Sandbox) -> None:
    """4xx, naming it, before any run exists (Prefect by itself lets it pass, and the run crashes)."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        player.start("new-subscription", contoso(sign_later=True), str(uuid.uuid4()))
    assert refused.value.response.status_code == 409
    assert "sign_later" in refused.value.response.text
    assert not sandbox.effects("note added")


def reconcile(player: Player) -> dict[str, Any]:
    return player.wait_until_done(player.start("reconcile", {}, str(uuid.uuid4())))


def test_a_lost_webhook_is_found_by_reconcile(player: Player, sandbox: Sandbox) -> None:
    """DocuSign's call never comes; the net finds the signature, and the order is placed once."""
    run_id, envelope = to_the_signature(player)
    sandbox.post("connect", {"mode": "lost"})
    player.sign(envelope)
    assert not sandbox.effects("order placed")
    reconcile(player)
    player.wait_until_done(run_id)
    assert len(sandbox.effects("order placed")) == 1


@pytest.mark.parametrize("mode", ["duplicate:5", "shuffled"])
def test_webhooks_five_times_or_out_of_order_make_one_order(player: Player, sandbox: Sandbox, mode: str) -> None:
    """Each call comes five times, or they come shuffled: one order, one mail of each kind."""
    run_id, envelope = to_the_signature(player)
    sandbox.post("connect", {"mode": mode})
    player.sign(envelope)
    player.wait_until_done(run_id)
    assert len(sandbox.effects("order placed")) == 1
    keys = [(mail["subject"], tuple(mail["to"])) for mail in player.mails()]
    assert len(keys) == len(set(keys))


def test_forged_webhooks_do_nothing(player: Player, sandbox: Sandbox, stack: LocalStack) -> None:
    """Unsigned or wrongly signed: 401, counted, and the run sleeps on."""
    run_id, envelope = to_the_signature(player)
    body = {"event": "envelope-completed", "data": {"envelopeId": envelope}}
    for headers in ({}, {"X-DocuSign-Signature-1": "Zm9yZ2Vk"}):
        answer = httpx.post(f"{stack.receiver_url}/hooks/docusign", json=body, headers=headers)
        assert answer.status_code == 401
    assert player.run(run_id)["state"]["type"] == "PAUSED"
    assert not sandbox.effects("order placed")


def test_a_worker_killed_while_runs_wait_loses_nothing(player: Player, sandbox: Sandbox, stack: LocalStack) -> None:
    """No process stands for a waiting run: the next worker finishes it."""
    run_id, envelope = to_the_signature(player)
    stack.kill_worker(with_its_runs=True)
    player.sign(envelope)
    stack.restart_worker()
    player.wait_until_done(run_id)
    assert len(sandbox.effects("order placed")) == 1


def test_new_code_under_a_waiting_run_finishes_it_without_repeating_a_step(
    player: Player, sandbox: Sandbox, stack: LocalStack, code: Path
) -> None:
    """Every step's source is edited and redeployed while a run waits; it finishes on the new code."""
    run_id, envelope = to_the_signature(player)
    before = list(player.effects())
    for file in (code / "tasks").glob("*.py"):
        text = file.read_text().replace("\nasync def ", "\n# edited under a waiting run\nasync def ")
        file.write_text(text.replace('    """', '    """Edited. ', 1))
    leg = code / "flows" / "provisioning.py"
    leg.write_text(leg.read_text().replace("was asked to begin billing.", "was asked, by new code."))
    stack.deploy()
    player.sign(envelope)
    player.wait_until_done(run_id)
    notes = [str(note["description"]) for note in sandbox.records("autotask.ticketnotes")]
    assert any("by new code" in note for note in notes)
    after = player.effects()
    assert after[: len(before)] == before
    for once in ("draft created", "envelope sent", "order placed", "asset created"):
        assert after.count(once) == 1
    keys = [(mail["subject"], tuple(mail["to"])) for mail in player.mails()]
    assert len(keys) == len(set(keys))
