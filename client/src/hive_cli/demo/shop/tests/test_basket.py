import unittest

from shop.basket import Basket


class BasketTest(unittest.TestCase):
    def test_pieces_of_an_article_add_up(self) -> None:
        basket = Basket()
        basket.add("tea", 2)
        basket.add("tea")
        self.assertEqual(basket.total({"tea": 450}), 1350)

    def test_nothing_cannot_be_added(self) -> None:
        with self.assertRaises(ValueError):
            Basket().add("tea", 0)
