"""What can go wrong in the cloud, each with its HTTP status and its words for people."""

from http import HTTPStatus
from typing import ClassVar


class CloudError(Exception):
    """Base of all errors the cloud raises on purpose.

    Attributes:
        status: HTTP status where the error reaches a client.
        slug: Name of the problem type, the end of its `type` URI.
        title: Vietnamese first, English second.
    """

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Lỗi trong hệ thống / Internal error"

    @property
    def headers(self) -> dict[str, str]:
        """Headers that the answer must carry."""
        return {}


class MigrationChanged(CloudError):
    """A migration that was applied has other content now."""

    def __init__(self, name: str, applied: str, found: str) -> None:
        """Name the file with both hashes."""
        super().__init__(f"migration {name} was applied as {applied[:12]}, file is {found[:12]}")
        self.name = name


class MigrationMissing(CloudError):
    """The database is ahead of this program."""

    def __init__(self, names: list[str]) -> None:
        """List what the database has and this program lacks."""
        super().__init__(f"the database has migrations this version does not know: {names}")
        self.names = names


class TierLowered(CloudError):
    """The database was made on a storage tier that this server no longer offers."""

    def __init__(self, recorded: str, found: str, why: str) -> None:
        """Keep both tiers and the reason."""
        super().__init__(f"storage tier {recorded} is recorded, server offers {found}: {why}")
        self.recorded = recorded
        self.found = found


class TierUnavailable(CloudError):
    """The tier that was asked for cannot be had on this server."""

    def __init__(self, wanted: str, found: str) -> None:
        """Keep both tiers."""
        super().__init__(f"storage tier {wanted} was asked for, server offers {found}")
        self.wanted = wanted


class ServerTooOld(CloudError):
    """PostgreSQL below the version that the schema needs."""

    def __init__(self, found: int, needed: int) -> None:
        """Both as PostgreSQL counts them: 150004."""
        super().__init__(f"PostgreSQL {found // 10000} found, {needed // 10000} or newer needed")
        self.found = found


class BoundariesUnreadable(CloudError):
    """The boundary file is no FeatureCollection of communes."""

    def __init__(self, path: str, why: str) -> None:
        """Name the file and what is wrong with it."""
        super().__init__(f"{path}: {why}")
        self.path = path


class BadBoxKey(CloudError):
    """A public key that is no PEM Ed25519 key."""

    status = HTTPStatus.BAD_REQUEST
    slug = "bad-box-key"
    title = "Khoá công khai không hợp lệ / Invalid public key"

    def __init__(self, box: str) -> None:
        """Name the box; the key itself stays out of logs."""
        super().__init__(f"the public key of box {box} is no PEM Ed25519 key")
        self.box = box


class UnknownScope(CloudError):
    """A scope that does not exist, or one that needs a box and has none."""

    status = HTTPStatus.BAD_REQUEST
    slug = "unknown-scope"
    title = "Phạm vi quyền không hợp lệ / Invalid scope"

    def __init__(self, scope: str, why: str) -> None:
        """Name the scope."""
        super().__init__(f"scope {scope!r}: {why}")
        self.scope = scope


class NotSignedIn(CloudError):
    """No credentials, or none that hold."""

    status = HTTPStatus.UNAUTHORIZED
    slug = "not-signed-in"
    title = "Chưa đăng nhập / Not signed in"

    @property
    def headers(self) -> dict[str, str]:
        """Say how one may sign in (RFC 9110, 11.6.1)."""
        return {"WWW-Authenticate": 'Bearer realm="ioc"'}


class WrongPassword(NotSignedIn):
    """User name and password do not go together."""

    slug = "wrong-password"
    title = "Sai tên đăng nhập hoặc mật khẩu / Wrong user name or password"


class NotAllowed(CloudError):
    """Known, but without the scope."""

    status = HTTPStatus.FORBIDDEN
    slug = "not-allowed"
    title = "Không đủ quyền / Not allowed"


class TooManyAttempts(CloudError):
    """Sign-in failed too often."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    slug = "too-many-attempts"
    title = "Đăng nhập sai quá nhiều lần / Too many failed sign-ins"

    def __init__(self, retry_after_s: int) -> None:
        """Say when to come back."""
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Say when to come back."""
        return {"Retry-After": str(self.retry_after_s)}


class NotFound(CloudError):
    """Nothing under that name."""

    status = HTTPStatus.NOT_FOUND
    slug = "not-found"
    title = "Không tìm thấy / Not found"


class BadCursor(CloudError):
    """A cursor that was not made here, or was made for another question."""

    status = HTTPStatus.BAD_REQUEST
    slug = "bad-cursor"
    title = "Con trỏ trang không hợp lệ / Invalid page cursor"


class BadFilter(CloudError):
    """Search terms that cannot be understood or contradict each other."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "bad-filter"
    title = "Điều kiện tìm kiếm không hợp lệ / Invalid search filter"


class BodyTooLarge(CloudError):
    """More bytes than this door takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "too-large"
    title = "Nội dung quá lớn / Content too large"

    def __init__(self, limit: int) -> None:
        """Say what would pass."""
        super().__init__(f"at most {limit} bytes pass here")
        self.limit = limit


class WrongMediaType(CloudError):
    """A kind of file that evidence cannot be."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    slug = "wrong-media-type"
    title = "Loại tệp không được nhận / Media type not accepted"


class EvidenceMismatch(CloudError):
    """The bytes are not those that the address names; they were set aside."""

    status = HTTPStatus.CONFLICT
    slug = "evidence-mismatch"
    title = "Nội dung không khớp mã băm / Content does not match its hash"

    def __init__(self, named: str, found: str) -> None:
        """Keep both hashes."""
        super().__init__(f"address names {named}, content hashes to {found}")
        self.named = named
        self.found = found


class DatabaseBusy(CloudError):
    """No connection to the database in time."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    slug = "database-unavailable"
    title = "Cơ sở dữ liệu tạm thời không trả lời / Database unavailable"

    @property
    def headers(self) -> dict[str, str]:
        """A few seconds are the usual length of a restart."""
        return {"Retry-After": "5"}
