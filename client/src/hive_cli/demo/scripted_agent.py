"""The agent of `hive demo`: a script that knows its five tasks by heart. No model is asked.

It reads its prompt as any agent does, and takes some seconds over its work. Its first attempt at
the task `refunds` has a mistake, which the repository's tests find; what the gate said is part of
the second attempt's prompt.
"""

import os
import sys
import time
from pathlib import Path

SECONDS = 3.0
"""Of work, so that there is something to interrupt."""

DISCOUNTS = (
    '''"""Discounts."""


def discounted(total: int, percent: int) -> int:
    if not 0 <= percent <= 100:
        raise ValueError("a discount is 0 to 100 percent")
    return total - total * percent // 100
''',
    """import unittest

from shop.discounts import discounted


class DiscountsTest(unittest.TestCase):
    def test_a_discount_is_taken_off(self) -> None:
        self.assertEqual(discounted(1999, 10), 1800)
        self.assertEqual(discounted(1999, 0), 1999)

    def test_more_than_all_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            discounted(100, 101)
""",
)
STOCK = (
    '''"""How much is left."""


class Stock:
    def __init__(self, pieces: dict[str, int]) -> None:
        self._pieces = dict(pieces)

    def left(self, article: str) -> int:
        return self._pieces.get(article, 0)

    def take(self, article: str, pieces: int) -> None:
        if pieces > self.left(article):
            raise ValueError(f"only {self.left(article)} of {article} are left")
        self._pieces[article] -= pieces
''',
    """import unittest

from shop.stock import Stock


class StockTest(unittest.TestCase):
    def test_what_is_taken_is_gone(self) -> None:
        stock = Stock({"tea": 3})
        stock.take("tea", 2)
        self.assertEqual(stock.left("tea"), 1)

    def test_more_than_there_is_cannot_be_taken(self) -> None:
        with self.assertRaises(ValueError):
            Stock({"tea": 1}).take("tea", 2)
""",
)
REFUNDS = (
    '''"""Paying back."""


def refund(paid: int, pieces: int, returned: int) -> int:
    if not 0 <= returned <= pieces:
        raise ValueError("nobody returns more than they bought")
    return paid * returned // pieces
''',
    """import unittest

from shop.refunds import refund


class RefundsTest(unittest.TestCase):
    def test_a_part_is_paid_back_in_proportion(self) -> None:
        self.assertEqual(refund(1000, 4, 1), 250)

    def test_all_is_paid_back_in_full(self) -> None:
        self.assertEqual(refund(999, 3, 3), 999)
""",
)
TAXES = (
    '''"""Taxes."""


def tax_in(gross: int, percent: int) -> int:
    """The tax that a gross amount holds, rounded down."""
    return gross * percent // (100 + percent)
''',
    """import unittest

from shop.taxes import tax_in


class TaxesTest(unittest.TestCase):
    def test_the_tax_is_a_part_of_the_gross_amount(self) -> None:
        self.assertEqual(tax_in(1190, 19), 190)
        self.assertEqual(tax_in(0, 19), 0)
""",
)
RECEIPTS = (
    '''"""What the customer takes home."""

from shop.basket import Basket
from shop.discounts import discounted
from shop.taxes import tax_in


def receipt(basket: Basket, prices: dict[str, int], percent_off: int, tax: int) -> str:
    lines = [
        f"{pieces} x {article}: {prices[article] * pieces}"
        for article, pieces in basket.lines.items()
    ]
    total = discounted(basket.total(prices), percent_off)
    return "\\n".join([*lines, f"to pay: {total}", f"tax in it: {tax_in(total, tax)}"])
''',
    """import unittest

from shop.basket import Basket
from shop.receipts import receipt


class ReceiptsTest(unittest.TestCase):
    def test_a_receipt_has_lines_total_and_tax(self) -> None:
        basket = Basket()
        basket.add("tea", 2)
        self.assertEqual(
            receipt(basket, {"tea": 595}, 0, 19), "2 x tea: 1190\\nto pay: 1190\\ntax in it: 190"
        )
""",
)
WORK = {
    "discounts": DISCOUNTS,
    "stock": STOCK,
    "refunds": REFUNDS,
    "taxes": TAXES,
    "receipts": RECEIPTS,
}
MISTAKE = ("paid * returned // pieces", "paid // pieces * pieces * returned")


def main() -> None:
    name, attempt = os.environ["HIVE_TASK"], int(os.environ["HIVE_ATTEMPT"])
    prompt = sys.stdin.read()
    print(f"scripted agent: {name}, attempt {attempt}, a prompt of {len(prompt)} characters")
    time.sleep(SECONDS)
    code, test = WORK[name]
    if name == "refunds" and "did not pass its gates" not in prompt:
        code = code.replace(*MISTAKE)
    Path(f"shop/{name}.py").write_text(code)
    Path(f"tests/test_{name}.py").write_text(test)


if __name__ == "__main__":
    main()
