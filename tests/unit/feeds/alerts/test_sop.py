"""Checklists: what the product ships, what is refused, which one fits."""

from datetime import timedelta
from pathlib import Path

import pytest

from ioc_cloud.feeds.alerts.errors import SopBroken
from ioc_cloud.feeds.alerts.sop import PRODUCT, Sops, read
from ioc_cloud.feeds.catalogue import Catalogue

GOOD = """---
kind: mine
alerts: threshold
indicators: [YT.SXH]
title: {vi: Sốt xuất huyết, en: Dengue}
due: {warn: PT4H}
---
Đọc trước.

- [ ] Phun hóa chất
      Spray
- [ ] Diệt lăng quăng

      Kill larvae
"""


def written(folder: Path, text: str, name: str = "mine") -> Path:
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_checklist_is_front_matter_words_and_steps_in_two_languages(tmp_path: Path) -> None:
    sop = read(written(tmp_path, GOOD))
    assert [(step.vi, step.en) for step in sop.steps] == [
        ("Phun hóa chất", "Spray"),
        ("Diệt lăng quăng", "Kill larvae"),
    ]
    assert sop.intro == ("Đọc trước.",)
    assert sop.due == {"warn": timedelta(hours=4)}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (GOOD.replace("---\n", "", 1), "front matter"),
        (GOOD.replace("kind: mine", "kind: [mine"), "front matter"),
        (GOOD.replace("kind: mine", "kind: other"), "name the file after it"),
        (GOOD.replace("alerts: threshold", "alerts: flood"), "alerts"),
        (GOOD.replace("      Spray\n", ""), "without its English line"),
        (GOOD + "Rời rạc\n", "neither a step"),
        (GOOD.replace("due:", "due_at:"), "due_at"),
        (GOOD.partition("- [ ]")[0], "steps"),
    ],
)
def test_a_broken_checklist_is_refused_with_its_reason(
    tmp_path: Path, wrong: str, why: str
) -> None:
    with pytest.raises(SopBroken, match=why):
        read(written(tmp_path, wrong))


def test_other_words_are_another_hash_and_the_same_words_the_same(tmp_path: Path) -> None:
    one = read(written(tmp_path, GOOD))
    assert read(written(tmp_path, GOOD)).sha256 == one.sha256
    assert read(written(tmp_path, GOOD.replace("Spray", "Spray well"))).sha256 != one.sha256


@pytest.mark.parametrize("path", sorted(PRODUCT.glob("*.md")), ids=lambda path: path.stem)
def test_every_checklist_of_the_product_speaks_of_indicators_that_exist(path: Path) -> None:
    codes = Catalogue.of_province().indicators
    for one in read(path).indicators:
        assert one in codes or (one.endswith(".") and any(code.startswith(one) for code in codes))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("YT.GIUONG", "threshold-health"),
        ("TNN.MAN", "threshold-salinity"),
        ("TNN.MUA", "threshold-water"),
        ("TC.VUOT_RANH", "sea-boundary"),
        ("MT.PM25", "threshold-air"),
        ("MT.TRAM_ONLINE", "threshold"),
        ("HCC.DUNG_HAN", "public-services"),
        ("DD.DUNG_HAN", "public-services"),
        ("NN.CHAY_RUNG", "forest-fire"),
        ("CAM.ONLINE", "cameras-few"),
        (None, "threshold"),
    ],
)
def test_the_checklist_that_names_an_indicator_most_closely_is_taken(
    code: str | None, kind: str
) -> None:
    assert Sops.load().of("threshold", code).kind == kind


def test_a_province_may_add_its_own_checklists_and_lay_over_the_products(tmp_path: Path) -> None:
    written(tmp_path, GOOD)
    words = (PRODUCT / "anomaly.md").read_text(encoding="utf-8").replace("khác thường", "lạ")
    written(tmp_path, words, "anomaly")
    sops = Sops.load(tmp_path)
    assert sops.of("threshold", "YT.SXH").kind == "mine"
    assert sops.of("threshold", "YT.KHAM").kind == "threshold-health"
    assert sops.of("anomaly").title.vi == "Số liệu lạ"
