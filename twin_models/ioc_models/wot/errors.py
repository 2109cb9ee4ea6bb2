"""What can be wrong with a Thing Model or with a thing that follows one."""

from collections.abc import Mapping


class WotError(Exception):
    """Base of the errors of this package."""

    status = 400


class ModelNotFound(WotError):
    """No resolver knows this URL."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(f"no Thing Model at {url}")


class ModelInvalid(WotError):
    """A Thing Model that cannot be used."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"{url}: {reason}")


class ThingInvalid(WotError):
    """A thing that its model does not allow.

    Attributes:
        faults: Texts by JSON pointer, as `Catalogue.validate` gives them.
    """

    def __init__(self, faults: Mapping[str, list[str]]) -> None:
        self.faults = dict(faults)
        super().__init__("; ".join(f"{at}{text}" for at, texts in faults.items() for text in texts))


class NotJudgedAlone(WotError):
    """A path inside a `oneOf` or its like: only the whole value around it can be judged."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path
        super().__init__(f"/{'/'.join(path)} is judged with what stands around it")
