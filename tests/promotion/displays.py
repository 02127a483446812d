"""A display that shows nothing."""


class Silent:
    def update(self, step: str, done: int, total: int) -> None:
        """Nobody looks."""
