"""The product map: exact names only, near ones listed, never guessed (N1, P1)."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.product_map import MappedProduct, ProductMap, is_twin
from rules.refusal import Problem

TEXT = """
# agreement name | quote name | Pax8 id
Visio Plan 1 | VISIO P1 (monthly) | p-visio-1
Visio Plan 2 | VISIO P2 (monthly) | p-visio-2

  Power BI Pro | PBI PRO | p-pbi-pro
Power BI Pro | PBI PRO per user | p-pbi-pro
"""
MAP = ProductMap.parse(TEXT)

words = st.text("abcABC 123äé-.[]", min_size=1, max_size=10).map(str.strip).filter(bool)


@st.composite
def maps(draw: st.DrawFn) -> ProductMap:
    """A map without contradictions: every name once."""
    count = draw(st.integers(1, 6))
    texts = draw(st.lists(words, min_size=3 * count, max_size=3 * count, unique=True))
    rows = [texts[at : at + 3] for at in range(0, 3 * count, 3)]
    return ProductMap(products=tuple(MappedProduct(agreement_name=a, quote_name=q, product_id=i) for a, q, i in rows))


@given(maps())
def test_a_map_reads_back_as_it_was_written(of: ProductMap) -> None:
    """One product a line, in order; spaces, remarks and blank lines don't count."""
    text = "\n\n# remark\n".join(f"  {p.agreement_name} |{p.quote_name}|  {p.product_id} " for p in of.products)
    assume(not any(p.agreement_name.startswith("#") for p in of.products))
    assert ProductMap.parse(text) == of


@given(maps(), words)
def test_only_the_exact_name_finds_a_product(of: ProductMap, name: str) -> None:
    """A name finds the product of that very name, or none: no case, spacing or likeness helps."""
    found = of.named(name)
    exact = [p for p in of.products if p.agreement_name == name]
    assert found == (exact[0] if exact else None)


@given(maps(), st.data())
def test_a_name_that_differs_at_all_is_refused(of: ProductMap, data: st.DataObject) -> None:
    """Upper case, a doubled letter or one left out: a problem of N1 with a way out, never a guess."""
    name = data.draw(st.sampled_from(of.products)).agreement_name
    wrong = data.draw(st.sampled_from([name.swapcase(), name + name[-1], name[1:], f"{name} ", f"{name}."]))
    assume(wrong not in {p.agreement_name for p in of.products})
    refused = of.find("product", wrong)
    assert isinstance(refused, Problem)
    assert (refused.field, refused.clause) == ("product", "N1")
    assert refused.way_out


@pytest.mark.parametrize(
    "wrong", ["visio plan 1", "Visio  Plan 1", "Visio Plan 1 ", "Visio Plan", "VISIO P1 (monthly)"]
)
def test_a_near_name_is_listed_but_not_taken(wrong: str) -> None:
    """The refusal shows what was probably meant; the person types it."""
    refused = MAP.find("product", wrong)
    assert isinstance(refused, Problem)
    assert "Visio Plan 1" in refused.message
    assert wrong in refused.message


def test_the_nearest_name_comes_first_and_each_once() -> None:
    """Two lines for one product are one suggestion."""
    near = MAP.near("Power BI Por")
    assert near[0] == "Power BI Pro"
    assert len(near) == len(set(near))


def test_twins_of_the_catalogue_are_listed_too() -> None:
    """Who asks for a product of the catalogue that is not in the map sees its twins by their full names."""
    catalogue = ("Visio Plan 3 [New Commerce Experience]", "Visio Plan 3 (Nonprofit)", "Exchange Online Plan 1")
    refused = MAP.find("product", "Visio Plan 3", catalogue)
    assert isinstance(refused, Problem)
    assert catalogue[0] in refused.message
    assert catalogue[1] in refused.message
    assert catalogue[2] not in refused.message


@pytest.mark.parametrize("name", ["", "   "])
def test_no_name_is_near_to_nothing(name: str) -> None:
    """An empty name doesn't list the whole catalogue."""
    assert MAP.near(name, ("Visio Plan 1", "Visio Plan 2")) == []


def test_a_name_like_nothing_says_so() -> None:
    """No suggestion is better than a wild one."""
    refused = MAP.find("product", "Zzyzx Quux")
    assert isinstance(refused, Problem)
    assert "Nothing in the product map is close to it" in refused.message


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("Visio Plan 1 | VISIO P1", 3),
        ("Visio Plan 1 | | p-visio-1", 3),
        ("Visio Plan 1 | VISIO P1 | p-visio-1 | more", 3),
        ("Visio Plan 1", 3),
    ],
)
def test_a_line_that_cannot_be_read_is_named_by_number(line: str, number: int) -> None:
    """The settings form says which line to mend, remarks and blank lines counted."""
    with pytest.raises(ValueError, match=f"line {number}: write"):
        ProductMap.parse(f"# remark\n\n{line}\nPower BI Pro | PBI | p-pbi")


@pytest.mark.parametrize(
    "contradiction",
    ["Visio Plan 1 | another quote name | p-other", "Another product | VISIO P1 | p-other"],
    ids=["agreement name", "quote name"],
)
def test_a_name_for_two_products_is_refused_with_its_line(contradiction: str) -> None:
    """One name, two Pax8 ids: nobody could tell what was agreed. The second line is named, and the first."""
    text = f"# remark\nVisio Plan 1 | VISIO P1 | p-visio-1\nPower BI Pro | PBI | p-pbi\n{contradiction}"
    with pytest.raises(ValueError, match=r"line 4.*line 2"):
        ProductMap.parse(text)


def test_several_names_for_one_product_are_fine() -> None:
    """A product may be quoted under two names, as long as both mean the same id."""
    assert MAP.quoted("PBI PRO") is not None
    assert MAP.quoted("PBI PRO per user") is not None
    assert {p.product_id for p in MAP.products if p.agreement_name == "Power BI Pro"} == {"p-pbi-pro"}


def test_the_quotes_line_must_be_that_very_product() -> None:
    """P1: through the map, exactly; blanks around it don't count."""
    visio = MAP.products[0]
    assert MAP.check_quote("quote_line", visio, " VISIO P1 (monthly) ") is None


def test_every_quote_name_of_a_product_is_accepted() -> None:
    """Which of its lines the product was found by doesn't matter."""
    product = MAP.named("Power BI Pro")
    assert product is not None
    assert MAP.check_quote("quote_line", product, "PBI PRO") is None
    assert MAP.check_quote("quote_line", product, "PBI PRO per user") is None


@pytest.mark.parametrize("quote_line", ["VISIO P2 (monthly)", "visio p1 (monthly)", "Visio Plan 1", "", "VISIO P1"])
def test_another_line_of_the_quote_is_refused(quote_line: str) -> None:
    """P1: another product's line, or one that is nearly right, is refused, saying what was expected."""
    refused = MAP.check_quote("quote_line", MAP.products[0], quote_line)
    assert isinstance(refused, Problem)
    assert (refused.field, refused.clause) == ("quote_line", "P1")
    assert "Visio Plan 1" in refused.message or "VISIO P1 (monthly)" in refused.message
    assert refused.way_out


@given(maps(), st.data())
def test_a_quote_line_covers_its_own_product_and_no_other(of: ProductMap, data: st.DataObject) -> None:
    """P1: exactly the pairs of one line of the map pass."""
    product = data.draw(st.sampled_from(of.products))
    quoted = data.draw(st.sampled_from(of.products))
    passed = of.check_quote("quote_line", product, quoted.quote_name) is None
    assert passed == (product.product_id == quoted.product_id)


@pytest.mark.parametrize(
    "name",
    [
        "Visio Plan 1 (Nonprofit Staff Pricing)",
        "Visio Plan 1 (Non-Profit)",
        "Visio Plan 1 GCC",
        "Visio Plan 1 for Government",
        "Visio Plan 1 for Faculty",
        "Visio Plan 1 for Students",
        "Visio Plan 1 (Education)",
        "visio plan 1 - trial",
    ],
)
def test_a_twin_is_recognised(name: str) -> None:
    """A1: Nonprofit, Government, Education and trial siblings are other products, to be shown."""
    assert is_twin(name, "Visio Plan 1")


@pytest.mark.parametrize(
    "name",
    ["Visio Plan 1", "Visio Plan 1 [New Commerce Experience]", "Visio Plan 2 (Nonprofit)", "Industrial Visio Plan 1"],
)
def test_the_product_itself_is_no_twin(name: str) -> None:
    """Neither the product with Pax8's suffix, nor another product, nor a word that only contains 'trial'."""
    assert not is_twin(name, "Visio Plan 1")
