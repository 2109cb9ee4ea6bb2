"""Vietnamese text of every age and make."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_cloud.feeds.files.legacy import TCVN3, VNI
from ioc_cloud.feeds.files.syllables import is_syllable, split_tone, tone_placed
from ioc_cloud.feeds.files.text import cleaned, comparable, converted, detect, folded

WORDS = (
    "Ủy ban nhân dân tỉnh Cà Mau ký quyết định về việc giao đất nuôi trồng thủy sản cho người "
    "dân xã Đầm Dơi, Năm Căn, Ngọc Hiển, Phú Tân, Trần Văn Thời; nghiêng, khuỷu tay, ngoằn "
    "ngoèo, giếng nước, gìn giữ, quốc lộ, huỳnh quang, thuở xưa, rượu bia, hươu, yểng, ễnh ương"
)
REAL = [
    "Uỷ ban nhân dân xã Khánh Bình Tây Bắc",
    "café",
    "El Niño",
    "Windows® 11",
    "© 2026 Sở Y tế",
    "PM2.5 (\u00b5g/m³)",
    "5 \u00b5m",
    "José Müller",
    "Curaçao",
    "naïve",
    "· Nước sạch",
    "« trích dẫn »",
    "§ 5",
    "25 °C ± 2",
    "½ kg",
    "São Paulo",
    "Đảng bộ & HĐND",
    "tôm sú, cua, cá kèo",
    "là xã có ao cá",
    "Phòng khám Xuyên Á",
    "Zürich Straße",
]


@pytest.mark.parametrize("text", REAL)
def test_real_text_is_left_alone(text: str) -> None:
    assert cleaned(text).value == text
    assert cleaned(text).changes == ()


@pytest.mark.parametrize(
    ("raw", "value", "rule"),
    [
        ("C\u00b5 Mau", "Cà Mau", "tcvn3"),
        ("§Êt ®ai v\u00b5 m«i tr\u00adêng", "Đất đai và môi trường", "tcvn3"),
        ("Q§-UBND", "QĐ-UBND", "tcvn3"),
        ("Caø Mau", "Cà Mau", "vni"),
        ("Ñaát ñai vaø moâi tröôøng", "Đất đai và môi trường", "vni"),
        ("Sở Tài chính".encode().decode("cp1252"), "Sở Tài chính", "mojibake"),
        ("Ä\x90áº§m DÆ¡i", "Đầm Dơi", "mojibake"),
        ("Ðất nông nghiệp", "Đất nông nghiệp", "eth"),
        ("C\u0430 M\u0430u", "Ca Mau", "look-alike"),
        ("Ｃà Mau \uff11\uff12", "Cà Mau 12", "full-width"),
        ("Cà\u200b Mau\ufeff", "Cà Mau", "invisible"),
        ("Huy\u0300nh", "Huỳnh", "composed"),
        (" Cà\u00a0 Mau\t", "Cà Mau", "spaces"),
        ("dòng một \r\n dòng hai", "dòng một\ndòng hai", "spaces"),
    ],
)
def test_what_is_wrong_is_mended_and_named(raw: str, value: str, rule: str) -> None:
    found = cleaned(raw)

    assert found.value == value
    assert rule in [one.rule for one in found.changes]
    assert all(one.vi and one.en for one in found.changes)


def test_every_letter_of_both_old_encodings_comes_back() -> None:
    letters = {one for one in unicodedata.normalize("NFC", WORDS.lower()) if not one.isascii()}

    assert letters <= set(TCVN3.values())
    assert letters <= set(VNI.values())
    assert len(set(TCVN3.values())) == 74
    assert len({one for one in VNI.values() if one.islower()}) == 67


def _written(text: str, table: dict[str, str]) -> str:
    back = {letter: code for code, letter in table.items()}
    return "".join(back.get(one, one) for one in text)


@pytest.mark.parametrize(("legacy", "table"), [("tcvn3", TCVN3), ("vni", VNI)])
def test_a_column_in_an_old_encoding_is_told_and_read(legacy: str, table: dict[str, str]) -> None:
    # Capitals with tones were another font's lower case in TCVN3.
    words = WORDS.lower().split()
    column = [_written(one, dict(table)) for one in words]

    assert detect(column) == legacy
    assert [converted(one, legacy) for one in column] == words  # type: ignore[arg-type]


def test_what_the_column_says_decides_where_a_cell_leaves_doubt() -> None:
    assert cleaned("bé").value == "bé"
    assert cleaned("bé", legacy="tcvn3").value == "bộ"


@pytest.mark.parametrize("text", REAL)
def test_a_column_of_real_text_is_in_no_old_encoding(text: str) -> None:
    assert detect([text, *REAL]) is None


def test_the_words_of_a_province_are_syllables() -> None:
    words = [one.strip(",;") for one in WORDS.split()]

    assert [one for one in words if not is_syllable(one)] == []


@pytest.mark.parametrize("word", ["Hẽa", "Niđo", "cafộ", "bạć", "bàc", "straße", "ngh", ""])
def test_what_no_vietnamese_says_is_no_syllable(word: str) -> None:
    assert not is_syllable(word)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hoà", "hòa"),
        ("thuý", "thúy"),
        ("khoẻ", "khỏe"),
        ("tóan", "toán"),
        ("hoàn", "hoàn"),
        ("quý", "quý"),
        ("già", "già"),
        ("gìn", "gìn"),
        ("giếng", "giếng"),
        ("người", "người"),
        ("nứơc", "nước"),
        ("khuỷu", "khuỷu"),
        ("ngoài", "ngoài"),
        ("của", "của"),
        ("mía", "mía"),
        ("thuở", "thuở"),
        ("rượu", "rượu"),
        ("muỗi", "muỗi"),
    ],
)
def test_the_tone_stands_where_newer_spelling_puts_it(old: str, new: str) -> None:
    assert tone_placed(old) == new


def test_tone_variants_are_the_same_and_other_tones_are_not() -> None:
    assert comparable("Thị trấn HOÀ  BÌNH") == comparable("thị trấn Hòa Bình")
    assert comparable("Hóa") != comparable("Hòa")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Đầm Dơi", "dam doi"),
        ("  UỶ  ban\nND ", "uy ban nd"),
        ("m²", "m2"),
        ("C\u00b5 Mau", "ca mau"),
    ],
)
def test_folding_leaves_letters_without_marks(text: str, plain: str) -> None:
    assert folded(text) == plain


vietnamese = st.lists(
    st.sampled_from([one.strip(",;") for one in WORDS.split()]), min_size=1, max_size=8
).map(" ".join)
anything = st.text(max_size=40) | st.text(
    st.sampled_from(
        "aAăoơuưiyeênhgtcqđĐÐ·§©®\u00b5\u00b8àéêòùøûïÂ \u00a0\u200b\u00ad\u0300\u0323\n\u0430"
    ),
    max_size=12,
)


@given(vietnamese | anything)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = cleaned(text).value

    assert cleaned(once).value == once
    assert cleaned(once).changes == ()


@given(vietnamese | anything)
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(vietnamese)
def test_marks_apart_and_together_are_the_same_text(text: str) -> None:
    together = unicodedata.normalize("NFC", text)

    assert cleaned(unicodedata.normalize("NFD", text)).value == cleaned(together).value == together


@given(vietnamese)
def test_placing_tones_keeps_letters_and_tones(text: str) -> None:
    assert folded(comparable(text)) == folded(text)
    assert comparable(comparable(text)) == comparable(text)
    for before, after in zip(text.lower().split(), comparable(text).split(), strict=True):
        assert split_tone(before) == split_tone(after)


@given(vietnamese)
def test_nothing_that_is_unicode_is_taken_for_an_old_encoding(text: str) -> None:
    assert cleaned(text).changes == ()
