"""Whatever a contract describes can be asked for by its own words."""

import json

import pytest
from tests.support.feed_parts import catalogue_with

from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.vocabulary import Vocabulary, vocabulary


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return catalogue_with(tmp_path_factory.mktemp("contracts"))


@pytest.fixture(scope="module")
def words(catalogue: Catalogue) -> Vocabulary:
    return vocabulary(catalogue)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Số ca sốt xuất huyết ở xã Đất Mũi hôm nay?", "YT.SXH"),
        ("so ca sot xuat huyet", "YT.SXH"),
        ("BAO NHIÊU DENGUE", "YT.SXH"),
        ("công suất giường", "YT.GIUONG"),
        ("tàu hết hạn đăng kiểm", "TC.HET_HAN_DK"),
        ("lượt hỗ trợ số", "CDS.LUOT"),
    ],
)
def test_an_indicator_is_found_by_what_people_call_it(
    words: Vocabulary, said: str, code: str
) -> None:
    assert words.indicators(said)[0] == code


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("ở xã Đất Mũi", "32248"),
        ("dat mui", "32248"),
        ("xã Hoà Bình", "31891"),
        ("toàn tỉnh Cà Mau", "96"),
    ],
)
def test_an_area_is_found_however_it_is_spelt(words: Vocabulary, said: str, code: str) -> None:
    assert code in words.places(said)


def test_a_word_inside_another_is_not_it(words: Vocabulary) -> None:
    assert words.indicators("xyzdenguexyz") == []


def test_every_indicator_that_is_not_restricted_has_a_name(
    catalogue: Catalogue, words: Vocabulary
) -> None:
    known = {word.code for word in words.words}
    for code, (_, one) in catalogue.indicators.items():
        assert (code in known) is not one.restricted
    assert all(word.names for word in words.words)


def test_names_that_two_indicators_have_are_told(words: Vocabulary) -> None:
    for name, codes in words.shared.items():
        assert len(codes) > 1
        assert set(codes) <= set(words.indicators(name))


def test_it_says_whether_communes_can_be_asked_for(words: Vocabulary) -> None:
    by_code = {word.code: word for word in words.words}
    assert by_code["CDS.LUOT"].areas == "communes"
    assert by_code["CDS.MUC_TIEU"].areas == "province"
    assert by_code["CDS.MUC_TIEU"].period == "năm"


def test_it_is_plain_json(words: Vocabulary) -> None:
    assert json.loads(json.dumps(words.plain()))["areas"]["dat mui"] == ["32248"]
