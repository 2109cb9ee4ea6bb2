"""What is wrong with a filter, an option or a field selector, and where."""

from http import HTTPStatus

from ioc_cloud.errors import CloudError

SHOWN: int = 120


class RqlInvalid(CloudError):
    """An expression that cannot be understood, or that asks for what does not exist.

    Attributes:
        position: Index of the character where the trouble begins, 0-based.
        message: What is wrong there, and what would be right.
        expression: The whole text.
    """

    status = HTTPStatus.BAD_REQUEST
    slug = "rql-invalid"
    title = "Biểu thức RQL không hợp lệ / Invalid RQL expression"

    def __init__(self, position: int, message: str, expression: str) -> None:
        """Keep all three; the text shows the neighbourhood of the position alone."""
        start = max(0, position - SHOWN // 2)
        near = expression[start : start + SHOWN]
        where = f"of '{near}'" if near == expression else f"in '...{near}...'"
        super().__init__(f"{message} (at character {position + 1} {where})")
        self.position = position
        self.message = message
        self.expression = expression
