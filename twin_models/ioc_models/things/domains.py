"""The province's thirteen data domains.

Owning departments follow the departments' duties after the reform of 2025; none has been
confirmed by the province yet, and the twins say so (`ownerConfirmed`).
"""

from dataclasses import dataclass
from typing import Final, Literal

from ioc_models.things import access


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain: what the twin says of it before any figure has arrived."""

    id: str
    title_vi: str
    title_en: str
    owner_unit: str
    cadence: Literal["live", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly"]
    source_kind: Literal["api", "file", "mqtt"]
    likely_source: str
    # First part of the codes of its indicators.
    prefixes: tuple[str, ...]
    policy: str = access.DOMAINS


DOMAINS: Final = (
    Domain(
        id="hanh-chinh-cong",
        title_vi="Hành chính công",
        title_en="Public administration services",
        owner_unit="Văn phòng UBND tỉnh",
        cadence="daily",
        source_kind="api",
        likely_source="Hệ thống thông tin giải quyết thủ tục hành chính tỉnh",
        prefixes=("HCC",),
    ),
    Domain(
        id="ho-tich",
        title_vi="Hộ tịch",
        title_en="Civil status",
        owner_unit="Sở Tư pháp",
        cadence="daily",
        source_kind="api",
        likely_source="Cơ sở dữ liệu hộ tịch điện tử (số liệu tổng hợp)",
        prefixes=("HT",),
        policy=access.DOMAINS_RESTRICTED,
    ),
    Domain(
        id="dat-dai",
        title_vi="Đất đai",
        title_en="Land",
        owner_unit="Sở Nông nghiệp và Môi trường",
        cadence="daily",
        source_kind="api",
        likely_source="Cơ sở dữ liệu đất đai, Văn phòng đăng ký đất đai",
        prefixes=("DD",),
    ),
    Domain(
        id="giao-duc",
        title_vi="Giáo dục và đào tạo",
        title_en="Education",
        owner_unit="Sở Giáo dục và Đào tạo",
        cadence="daily",
        source_kind="api",
        likely_source="Cơ sở dữ liệu ngành giáo dục",
        prefixes=("GD",),
    ),
    Domain(
        id="y-te",
        title_vi="Y tế",
        title_en="Health",
        owner_unit="Sở Y tế",
        cadence="daily",
        source_kind="api",
        likely_source="Hệ thống thông tin bệnh viện, giám sát bệnh truyền nhiễm",
        prefixes=("YT",),
    ),
    Domain(
        id="nong-nghiep",
        title_vi="Nông nghiệp",
        title_en="Agriculture",
        owner_unit="Sở Nông nghiệp và Môi trường",
        cadence="daily",
        source_kind="file",
        likely_source="Báo cáo của ngành",
        prefixes=("NN",),
    ),
    Domain(
        id="kinh-te-xa-hoi",
        title_vi="Kinh tế - xã hội",
        title_en="Economy and society",
        owner_unit="Sở Tài chính",
        cadence="monthly",
        source_kind="file",
        likely_source="Sở Tài chính, Thống kê tỉnh",
        prefixes=("KTXH",),
    ),
    Domain(
        id="phan-anh-kien-nghi",
        title_vi="Phản ánh kiến nghị",
        title_en="Citizens' reports",
        owner_unit="Văn phòng UBND tỉnh",
        cadence="live",
        source_kind="api",
        likely_source="Ứng dụng phản ánh kiến nghị, tổng đài 1022",
        prefixes=("PAKN",),
    ),
    Domain(
        id="van-ban-dien-tu",
        title_vi="Văn bản điện tử",
        title_en="Electronic documents",
        owner_unit="Văn phòng UBND tỉnh",
        cadence="daily",
        source_kind="api",
        likely_source="Hệ thống quản lý văn bản và điều hành",
        prefixes=("VB",),
    ),
    Domain(
        id="can-bo-cong-chuc",
        title_vi="Cán bộ, công chức, viên chức",
        title_en="Public employees",
        owner_unit="Sở Nội vụ",
        cadence="weekly",
        source_kind="api",
        likely_source="Cơ sở dữ liệu cán bộ, công chức, viên chức",
        prefixes=("CCVC",),
        policy=access.DOMAINS_RESTRICTED,
    ),
    Domain(
        id="moi-truong-nuoc",
        title_vi="Môi trường và tài nguyên nước",
        title_en="Environment and water",
        owner_unit="Sở Nông nghiệp và Môi trường",
        cadence="hourly",
        source_kind="mqtt",
        likely_source="Trạm quan trắc tự động, Đài Khí tượng Thủy văn",
        prefixes=("MT", "TNN"),
    ),
    Domain(
        id="thuy-san-tau-ca",
        title_vi="Thủy sản, tàu cá",
        title_en="Fisheries and vessels",
        owner_unit="Sở Nông nghiệp và Môi trường",
        cadence="live",
        source_kind="api",
        likely_source="Hệ thống giám sát tàu cá quốc gia",
        prefixes=("TC",),
    ),
    Domain(
        id="camera-giao-thong",
        title_vi="Camera giao thông",
        title_en="Traffic cameras",
        owner_unit="Công an tỉnh",
        cadence="live",
        source_kind="mqtt",
        likely_source="Hộp biên của hệ thống này",
        prefixes=("CAM",),
        policy=access.DOMAIN_TRAFFIC,
    ),
)


def domain_of(indicator: str) -> Domain | None:
    """The domain that an indicator belongs to, by the first part of its code."""
    prefix = indicator.partition(".")[0]
    return next((domain for domain in DOMAINS if prefix in domain.prefixes), None)
