"""Traits of IT Glue's flexible assets: merged without loss, and bound to the account's own layout by name."""

import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from vendors.itglue import AssetField, FieldMap, FlexibleAssetType, LayoutMismatch
from vendors.itglue_traits import as_written, merged


def field(name_key: str, kind: str = "Text", **more: Any) -> AssetField:
    return AssetField(id=1, name=name_key.title(), name_key=name_key, kind=kind, **more)


LAYOUT = FlexibleAssetType(
    id=33,
    name="Application",
    fields=(
        field("application-name", required=True, use_for_title=True),
        field("seats", "Number"),
        field("renewal-date", "Date"),
        field("term", "Select", default_value="Monthly\r\n1-Year\n"),
        field("related-passwords", "Tag", tag_type="Passwords"),
        field("admin-password", "Password"),
        field("paper", "Upload"),
    ),
)
TAGS = {"type": "Passwords", "values": [{"id": 9910, "name": "admin"}, {"id": "9911", "name": "otp"}]}


def test_a_merge_keeps_every_trait_that_is_not_changed() -> None:
    """What a PATCH doesn't send is deleted, so all that was there is sent again, the changed ones over it."""
    present = {"application-name": "Visio", "seats": 3, "term": "Monthly", "related-passwords": TAGS}
    assert merged(LAYOUT, present, {"seats": 5}) == {
        "application-name": "Visio",
        "seats": 5,
        "term": "Monthly",
        "related-passwords": [9910, 9911],
    }


def test_tags_are_written_as_ids_though_they_are_read_as_objects() -> None:
    """A tag as it was read would be refused or lost."""
    assert as_written(TAGS) == [9910, 9911]
    assert as_written([1, 2]) == [1, 2]


def test_none_removes_a_trait_on_purpose() -> None:
    """The one way to lose a trait is to name it."""
    assert merged(LAYOUT, {"seats": 3}, {"seats": None}) == {"seats": None}


@pytest.mark.parametrize(
    ("present", "named"),
    [
        ({"admin-password": "••••"}, "admin-password"),
        ({"paper": "a.pdf"}, "paper"),
        ({"unheard-of": {"file": "x"}}, "unheard-of"),
        ({"unheard-of": [{"id": 1}]}, "unheard-of"),
        ({"related-passwords": {"type": "Passwords", "values": ["odd"]}}, "related-passwords"),
    ],
)
def test_a_trait_that_cannot_be_given_back_is_refused_by_name(present: dict[str, Any], named: str) -> None:
    """Better a person than a mask written over a password, or an upload that is gone."""
    with pytest.raises(LayoutMismatch, match=named):
        merged(LAYOUT, {"application-name": "Visio", **present}, {"seats": 5})


def test_a_trait_that_is_replaced_need_not_be_given_back() -> None:
    """An upload can be replaced by a new one."""
    paper = {"content": "QQ==", "file_name": "b.pdf"}
    assert merged(LAYOUT, {"paper": "a.pdf"}, {"paper": paper}) == {"paper": paper}


def test_days_and_decimals_become_json() -> None:
    """A day is ISO text, a decimal a plain number; a time where a day belongs is a mistake."""
    assert as_written(date(2026, 12, 1)) == "2026-12-01"
    assert as_written(Decimal("3.00")) == 3
    assert as_written(Decimal("3.5")) == 3.5
    with pytest.raises(LayoutMismatch, match="day"):
        as_written(datetime(2026, 12, 1, tzinfo=UTC))


def test_an_unknown_name_key_is_refused_by_name_with_the_known_ones() -> None:
    """The layout differs per account: a wrong key would be dropped in silence."""
    with pytest.raises(LayoutMismatch, match=r"'licence-count'.*'seats'"):
        FieldMap(LAYOUT, {"product": "application-name", "seats": "licence-count"})


def test_a_required_field_that_nothing_is_mapped_to_is_refused_by_name() -> None:
    """IT Glue would refuse the asset only after everything else was done."""
    with pytest.raises(LayoutMismatch, match="requires 'application-name'"):
        FieldMap(LAYOUT, {"seats": "seats"})


def test_our_words_become_the_layouts_traits() -> None:
    """Words without a mapped field, and those without a value, are left out."""
    fields = FieldMap(LAYOUT, {"product": "application-name", "seats": "seats", "until": "renewal-date"})
    values = {"product": "Visio Plan 1", "seats": Decimal(3), "until": date(2027, 1, 31), "ticket": "T1"}
    assert fields.traits(values) == {
        "application-name": "Visio Plan 1",
        "seats": 3,
        "renewal-date": "2027-01-31",
    }


def test_a_required_word_without_a_value_is_refused_by_name() -> None:
    """Before anything is sent."""
    fields = FieldMap(LAYOUT, {"product": "application-name", "seats": "seats"})
    with pytest.raises(LayoutMismatch, match="requires 'application-name'"):
        fields.traits({"seats": 3})


def test_a_choice_that_the_layout_does_not_offer_is_refused_with_the_offers() -> None:
    """A Select takes one of the lines of its default value, whatever the line ends."""
    fields = FieldMap(LAYOUT, {"product": "application-name", "term": "term"})
    assert fields.traits({"product": "Visio", "term": "1-Year"})["term"] == "1-Year"
    with pytest.raises(LayoutMismatch, match="'Monthly', '1-Year', not '3-Year'"):
        fields.traits({"product": "Visio", "term": "3-Year"})


def test_a_mismatch_survives_pickling() -> None:
    """Failed tasks persist their exceptions."""
    mismatch = pickle.loads(pickle.dumps(LayoutMismatch("no field 'x'")))  # noqa: S301 - our own bytes
    assert isinstance(mismatch, LayoutMismatch)
    assert mismatch.message == "no field 'x'"
