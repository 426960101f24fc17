"""What an order at Pax8 must say, checked alike for the mock and the real one (pax8.md §5, §6)."""

import re
from datetime import date, timedelta
from typing import Any

from sandbox.core import Record, World
from sandbox.new_tenants import is_taken
from sandbox.pax8_catalogue import price_of
from sandbox.pax8_wire import checked, refuse
from sandbox.seed.catalogue import HAS_ACCOUNT, HAS_NO_ACCOUNT

ORDER = ("companyId", "lineItems", "orderedBy", "orderedByUserEmail")
_LINE = (
    "billingTerm",
    "commitmentTermId",
    "lineItemNumber",
    "parentLineItemNumber",
    "parentSubscriptionId",
    "productId",
    "provisionStartDate",
    "provisioningDetails",
    "quantity",
)
_BILLING = ("Monthly", "Annual", "2-Year", "3-Year", "One-Time", "Trial", "Activation")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class OrderCheck:
    """One order's check; `instance` is the path that a refusal names."""

    def __init__(self, world: World, instance: str) -> None:
        self.world = world
        self.instance = instance

    def checked_order(self, body: Record) -> tuple[Record, list[Record]]:
        """The company, and the lines with product, commitment and answers resolved; refuses what is wrong."""
        company = self.world.store.get("pax8.companies", str(body.get("companyId")))
        if company is None:
            raise refuse(404, f"Company {body.get('companyId')} not found", instance=self.instance)
        if body.get("orderedBy", "Pax8 Partner") not in ("Pax8 Partner", "Customer", "Pax8"):
            raise refuse(400, "orderedBy must be Pax8 Partner, Customer or Pax8", instance=self.instance)
        if not isinstance(body.get("lineItems"), list) or not body["lineItems"]:
            raise refuse(400, "lineItems must not be empty", instance=self.instance)
        lines = [self._line(checked(line, _LINE, self.instance), company) for line in body["lineItems"]]
        numbers = [line["lineItemNumber"] for line in lines]
        if len(set(numbers)) != len(numbers):
            raise refuse(400, "lineItemNumber must be unique", instance=self.instance)
        if company["status"] != "Active":
            raise refuse(422, f"Company {company['name']} is not active", instance=self.instance)
        for line in lines:
            self._has_base(line, company, lines)
        return company, lines

    def _line(self, line: Record, company: Record) -> Record:
        for name in ("lineItemNumber", "quantity"):
            if type(line.get(name)) is not int or line[name] < 1:
                raise refuse(400, f"lineItems.{name} must be a positive whole number", instance=self.instance)
        if line.get("billingTerm") not in _BILLING:
            raise refuse(400, f"lineItems.billingTerm must be one of {', '.join(_BILLING)}", instance=self.instance)
        product = self.world.store.get("pax8.products", str(line.get("productId")))
        if product is None or product["segment"] not in company["eligible"]:
            raise refuse(404, f"Product {line.get('productId')} is not available for ordering", instance=self.instance)
        if product["maxSeats"] is not None and line["quantity"] > product["maxSeats"]:
            message = f"Quantity exceeds the maximum of {product['maxSeats']} for {product['name']}"
            raise refuse(422, message, instance=self.instance)
        start = line.get("provisionStartDate")
        if start is not None and str(start)[:10] > self.world.now().date().isoformat():
            raise refuse(422, "Scheduled orders are not supported through the API", instance=self.instance)
        commitment = self._commitment(line, product)
        if price_of(product, line["billingTerm"], commitment["term"] if commitment else None) is None:
            raise refuse(
                422,
                f"{product['name']} isn't billed {line['billingTerm']} on that term",
                instance=self.instance,
            )
        answers = self._answers(line.get("provisioningDetails", []), product)
        return line | {"product": product, "commitment": commitment, "answers": answers}

    def _commitment(self, line: Record, product: Record) -> Record | None:
        wanted = line.get("commitmentTermId")
        if wanted is None:
            if product["commitments"]:
                raise refuse(422, f"Product {product['name']} requires commitment", instance=self.instance)
            return None
        for commitment in product["commitments"]:
            if commitment["id"] == wanted:
                return dict(commitment)
        raise refuse(422, f"Commitment term {wanted} is not valid for {product['name']}", instance=self.instance)

    def _answers(self, given: Any, product: Record) -> dict[str, str]:
        """The provisioning answers by key; all that is wrong with them is said in one 422, key by key."""
        if not isinstance(given, list):
            raise refuse(400, "provisioningDetails must be an array of {key, values}", instance=self.instance)
        answers: dict[str, str] = {}
        for one in given:
            detail = checked(one, ("key", "values"), self.instance)
            if not isinstance(detail.get("values"), list) or not all(isinstance(v, str) for v in detail["values"]):
                raise refuse(400, f"values of {detail.get('key')} must be an array of strings", instance=self.instance)
            answers[str(detail.get("key"))] = ", ".join(detail["values"])
        wrong = self._wrong_answers(answers, product)
        if wrong:
            raise refuse(422, *wrong, instance=self.instance)
        return answers

    def _wrong_answers(self, answers: dict[str, str], product: Record) -> list[str]:
        questions = {question["key"]: question for question in product["questions"]}
        wrong = [f"Provisioning detail {key} is unknown" for key in sorted(set(answers) - set(questions))]
        needed = set(questions) - set(product["optionalQuestions"])
        needed |= {"msTenantId"} if answers.get("msCustExists") == HAS_ACCOUNT else set()
        needed |= {"msDomain"} if answers.get("msCustExists") == HAS_NO_ACCOUNT else set()
        wrong += [
            f"Provisioning detail {key} is required" for key in questions if key in needed and not answers.get(key)
        ]
        for key, answer in answers.items():
            possible = questions.get(key, {}).get("possibleValues")
            if possible and answer not in possible:
                wrong.append(f"Provisioning detail {key} must be one of its possible values")
        if answers.get("msTenantId") and not _GUID.fullmatch(answers["msTenantId"]):
            wrong.append("Provisioning detail msTenantId must be a GUID")
        if answers.get("msDomain") and not re.fullmatch(r"[a-z0-9]{1,27}", answers["msDomain"]):
            wrong.append("Provisioning detail msDomain must be the prefix without .onmicrosoft.com")
        elif answers.get("msDomain") and is_taken(self.world, answers["msDomain"]):
            wrong.append("Provisioning detail msDomain is taken")
        accepted = answers.get("mca2020EffectiveDate")
        if accepted and not self._is_past_date(accepted):
            wrong.append("Provisioning detail mca2020EffectiveDate must be a date YYYY-MM-DD, not in the future")
        return wrong

    def _is_past_date(self, text: str) -> bool:
        """A day that has begun somewhere on earth."""
        try:
            return date.fromisoformat(text) <= (self.world.now() + timedelta(hours=14)).date() and len(text) == 10
        except ValueError:
            return False

    def _has_base(self, line: Record, company: Record, lines: list[Record]) -> None:
        bases = set(line["product"]["needsOneOf"])
        held = {
            s["productId"]
            for s in self.world.store.all("pax8.subscriptions")
            if s["companyId"] == company["id"] and s["status"] != "Cancelled"
        }
        if bases and not bases & (held | {other["product"]["id"] for other in lines}):
            message = f"{line['product']['name']} requires a base product that the company doesn't have"
            raise refuse(422, message, instance=self.instance)
