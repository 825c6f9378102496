"""What a customer means to buy."""


class Basket:
    def __init__(self) -> None:
        self.lines: dict[str, int] = {}

    def add(self, article: str, pieces: int = 1) -> None:
        if pieces < 1:
            raise ValueError("at least one piece")
        self.lines[article] = self.lines.get(article, 0) + pieces

    def total(self, prices: dict[str, int]) -> int:
        return sum(prices[article] * pieces for article, pieces in self.lines.items())
