"""`make hosts`: it refuses in words where it can't be had, and its verdict finds what happened twice or not at all."""

import os
import shutil
from collections import Counter
from typing import Any

import pytest

from deployments.hosts import network
from deployments.hosts.__main__ import main
from deployments.hosts.verdict import check, counted, doubled, ours

ORDER = {"effect": "order placed", "vendor": "pax8", "order": "1", "company": "c-1", "lines": [{"subscription": "s-1"}]}
NOTE = {"effect": "note added", "vendor": "autotask", "id": 7, "ticketID": 70, "title": "[CS-1] ordered"}
CHANGED = {"effect": "ticket changed", "vendor": "autotask", "id": 70, "status": 5}
PATTERN = Counter({"order placed": 1, "note added": 1})


def entry(*effects: dict[str, Any], seq: int = 1, method: str = "POST", vendor: str = "pax8") -> dict[str, Any]:
    return {"seq": seq, "method": method, "vendor": vendor, "effects": list(effects)}


def test_without_root_it_says_so_before_it_starts_anything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("sys.argv", ["deployments.hosts"])
    assert main() == 1
    assert "need root: run `sudo make hosts`" in capsys.readouterr().err


def test_without_ip_it_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(network.NoNamespaces, match="apt-get install iproute2"):
        network.refuse_if_impossible()


def test_an_unknown_scenario_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["deployments.hosts", "cutoff"])
    with pytest.raises(SystemExit):
        main()
    assert "cutoff" in capsys.readouterr().err


def test_only_what_came_through_a_vendors_api_is_ours() -> None:
    found = ours([entry(ORDER), entry(NOTE, vendor="sandbox"), entry(NOTE, method="")])
    assert [one["effect"] for one in found] == ["order placed"]


def test_a_second_order_under_another_id_is_a_double_and_a_value_written_again_is_not() -> None:
    again = {**ORDER, "order": "2", "lines": [{"subscription": "s-2"}]}
    effects = ours([entry(ORDER, NOTE, CHANGED, CHANGED), entry(again, seq=2)])
    [said] = doubled(effects)
    assert said.startswith("2 times") and "c-1" in said
    assert counted(effects) == {"order placed": 2, "note added": 1}
    wrong, _ = check(PATTERN, effects, 1)
    assert len(wrong) == 2, "the double, and the number of orders"


def test_what_is_missing_is_wrong_and_what_is_beyond_is_told() -> None:
    told = {**NOTE, "id": 8, "title": "[CS-1] a person was asked"}
    assert check(PATTERN, ours([entry(ORDER, NOTE, told)]), 1) == ([], "1 × note added")
    wrong, _ = check(PATTERN, ours([entry(NOTE)]), 1)
    assert wrong == [
        "0 × order placed, and there should be 1",
        "0 × order placed, and there should be exactly 1",
    ]


def test_a_note_that_depends_on_how_fast_a_mail_was_is_not_missed() -> None:
    by_chance = {**NOTE, "title": "[CS-1] confirmation awaited"}
    wrong, beyond = check(PATTERN, ours([entry(ORDER, NOTE, by_chance)]), 1)
    assert not wrong and not beyond
    wrong, _ = check(PATTERN, ours([entry(ORDER, by_chance)]), 1)
    assert wrong == ["0 × note added, and there should be 1"]
