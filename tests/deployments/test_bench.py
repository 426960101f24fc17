"""What the measurement prints, and what it may not do without."""

from deployments.bench import Measured, spread, table
from deployments.bench_world import number, renamed, request_of, uid


def test_the_table_has_a_column_for_each_worker_type_and_a_row_for_each_measurement() -> None:
    process = Measured([3.0, 4.0, 5.0], [4.0], 80.0, 90.0, 95.0)
    warm = Measured([0.3, 0.4, 0.8], [0.5], 8.0, 9.0, 9.5)
    lines = table({"process": process, "warm": warm}, 40).splitlines()
    assert lines[0] == "| | process | warm |"
    assert lines[2] == "| signed → the order's POST at Pax8 | 4.00 s (3.00 to 5.00) | 0.40 s (0.30 to 0.80) |"
    assert lines[-1] == "| 40 signed at once → all done | 95.0 s | 9.5 s |"


def test_the_median_stands_with_the_least_and_the_most() -> None:
    assert spread([2.0, 1.0, 9.0]) == "2.00 s (1.00 to 9.00)"


def test_no_two_customers_share_an_id_a_name_or_a_ticket() -> None:
    pattern = {"id": 175, "companyName": "Contoso Ltd", "externalId": "175", "mail": "ada@contoso.example", "on": True}
    one, other = renamed(pattern, 1), renamed(pattern, 2)
    assert not {str(value) for name, value in one.items() if name != "on"} & {str(value) for value in other.values()}
    assert one["on"] is True
    assert one["id"] == number(175, 1) != number(1751, 1)
    assert uid("any", 1) != uid("any", 2)
    assert request_of(1)["ticket"] != request_of(2)["ticket"]
