"""Who asks: Basic, Bearer, or a trusted proxy's word."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

import requests
from requests.auth import AuthBase

from ioc_ditto.errors import BadName


@dataclass(frozen=True)
class Basic(AuthBase):
    """Name and password, as UTF-8."""

    name: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        """See that the name can be told from the password."""
        if ":" in self.name:
            raise BadName("a name for HTTP Basic holds no colon")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        # requests' own class writes Latin-1, in which few passwords can be written.
        pair = base64.b64encode(f"{self.name}:{self.password}".encode())
        request.headers["Authorization"] = f"Basic {pair.decode()}"
        return request


@dataclass(frozen=True)
class Bearer(AuthBase):
    """A token, or what gives a fresh one for every request."""

    token: str | Callable[[], str] = field(repr=False)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        token = self.token if isinstance(self.token, str) else self.token()
        request.headers["Authorization"] = f"Bearer {token}"
        return request


@dataclass(frozen=True)
class PreAuthenticated(AuthBase):
    """`issuer:subject`, believed only where a Ditto trusts the caller's network."""

    subject: str

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        request.headers["x-ditto-pre-authenticated"] = self.subject
        return request


Auth = Basic | Bearer | PreAuthenticated
