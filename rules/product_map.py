"""The product map: our agreement's and the quote's name of a product, and its one Pax8 product id (N1, P1)."""

import re
from difflib import get_close_matches

from rules.order import Frozen
from rules.refusal import Problem

TWIN_WORDS = ("nonprofit", "non-profit", "government", "gcc", "education", "faculty", "student", "trial")


class MappedProduct(Frozen):
    """One product: how our agreement names it, how the quote names it, and which Pax8 product it is."""

    agreement_name: str
    quote_name: str
    product_id: str


class ProductMap(Frozen):
    """Every product that may be ordered. Looked up exactly, never guessed."""

    products: tuple[MappedProduct, ...]

    @classmethod
    def parse(cls, text: str) -> "ProductMap":
        """Read one product a line: `agreement name | quote name | Pax8 product id`; `#` starts a remark.

        Raises ValueError with the line's number when a line isn't of that form or two lines contradict.
        """
        products: dict[int, MappedProduct] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            parts = [part.strip() for part in line.split("|")]
            if len(parts) != 3 or not all(parts):
                raise ValueError(f"product map, line {number}: write 'agreement name | quote name | Pax8 id'")
            mapped = MappedProduct(agreement_name=parts[0], quote_name=parts[1], product_id=parts[2])
            for earlier, other in products.items():
                if mapped.product_id == other.product_id:
                    continue
                for name, known in (
                    (mapped.agreement_name, other.agreement_name),
                    (mapped.quote_name, other.quote_name),
                ):
                    if name == known:
                        raise ValueError(
                            f"product map, line {number}: '{name}' stands for another Pax8 product in line {earlier}"
                        )
            products[number] = mapped
        return cls(products=tuple(products.values()))

    def named(self, agreement_name: str) -> MappedProduct | None:
        """The product of exactly that name on our agreement."""
        return next((p for p in self.products if p.agreement_name == agreement_name), None)

    def quoted(self, quote_name: str) -> MappedProduct | None:
        """The product of exactly that name on a quote."""
        return next((p for p in self.products if p.quote_name == quote_name), None)

    def near(self, name: str, more_names: tuple[str, ...] = ()) -> list[str]:
        """Names that look like `name`, best first: from the map, then from `more_names` (the catalogue)."""
        known = list(dict.fromkeys([p.agreement_name for p in self.products]))
        folded = {candidate.casefold(): candidate for candidate in known}
        close = [folded[match] for match in get_close_matches(name.casefold(), folded, n=5, cutoff=0.5)]
        wanted = name.casefold().strip()
        return list(dict.fromkeys([*close, *(n for n in more_names if wanted and wanted in n.casefold())]))

    def find(self, field: str, name: str, more_names: tuple[str, ...] = ()) -> MappedProduct | Problem:
        """The product of exactly that name, or the problem to tell, with near names and twins listed (N1)."""
        found = self.named(name)
        if found is not None:
            return found
        near = self.near(name, more_names)
        listed = f"Did you mean: {'; '.join(near)}?" if near else "Nothing in the product map is close to it."
        return Problem(
            field=field,
            clause="N1",
            message=f"'{name}' is not in the product map. {listed}",
            way_out="Take the exact name, or have the product added to the map in the settings block.",
        )

    def check_quote(self, field: str, product: MappedProduct, quote_line: str) -> Problem | None:
        """The quote's line must be this very product, through the same map, exactly (P1)."""
        quoted = self.quoted(quote_line.strip())
        if quoted is not None and quoted.product_id == product.product_id:
            return None
        if quoted is not None:
            message = f"the quote's line '{quote_line}' is {quoted.agreement_name}, not {product.agreement_name}."
        else:
            expected = "' or '".join(
                dict.fromkeys(p.quote_name for p in self.products if p.product_id == product.product_id)
            )
            message = f"the quote's line '{quote_line}' is not in the product map; expected '{expected}'."
        return Problem(
            field=field,
            clause="P1",
            message=message,
            way_out="Copy the line from the customer's quote; if the quote is wrong, correct the quote first.",
        )


def is_twin(name: str, of_name: str) -> bool:
    """Whether a catalogue name is a Nonprofit, Government, Education or trial sibling of a product (A1)."""
    return of_name.casefold() in name.casefold() and says(name, *TWIN_WORDS)


def says(name: str, *words: str) -> bool:
    """Whether one of the words stands in a catalogue name as a word of its own ('Industrial' is no trial)."""
    return re.search(rf"(?<![a-z])(?:{'|'.join(map(re.escape, words))})s?(?![a-z])", name.casefold()) is not None
