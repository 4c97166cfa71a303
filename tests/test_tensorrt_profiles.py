"""Sizes as a user writes them, and which profile an engine uses for a batch."""

import pytest

from swsss.errors import UserError
from swsss.model.tensorrt.profiles import Choice, Profile, Size, choose_profile, make_profile, parse_sizes


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("1x375x500", [(1, 375, 500)]),
        ("1x375x500,8x512x512", [(1, 375, 500), (8, 512, 512)]),
        (" 1X375X500 , 2×30×40 ", [(1, 375, 500), (2, 30, 40)]),
        ("4x64x64,4x64x64", [(4, 64, 64)]),
    ],
)
def test_parse_sizes(text, sizes):
    assert parse_sizes(text) == tuple(Size(*size) for size in sizes)


@pytest.mark.parametrize(
    "text", ["", "512x512", "1x375x500,", "0x375x500", "1x00x500", "-1x2x3", "1x2x3x4", "1;2;3", "a", "1x2x1000000"]
)
def test_parse_sizes__says_what_is_wrong_and_how_it_is_right(text):
    with pytest.raises(UserError) as told:
        parse_sizes(text)
    assert "--sizes" in str(told.value)
    assert repr(text.split(",")[-1]) in str(told.value)
    assert "8x375x500" in str(told.value)


def test_make_profile():
    profile = make_profile(Size(8, 375, 500), 21, conditioned=True)
    assert profile.image.model_dump() == {"min": (1, 1, 1, 3), "opt": (8, 375, 500, 3), "max": (8, 512, 512, 3)}
    assert profile.candidates.model_dump() == {"min": (1, 1), "opt": (8, 4), "max": (8, 21)}
    assert profile.size == "8x375x500"


def test_make_profile__few_classes():
    assert make_profile(Size(2, 64, 64), 3, conditioned=True).candidates.opt == (2, 3)


def test_make_profile__plain():
    assert list(make_profile(Size(1, 64, 100), 21, conditioned=False).ranges) == ["image"]


def profiles(*sizes: str) -> list[Profile]:
    return [make_profile(size, 21, conditioned=True) for size in parse_sizes(",".join(sizes))]


@pytest.mark.parametrize(
    ("shape", "choice"),
    [
        ((1, 375, 500), Choice(0, 1)),  # tuned for it
        ((1, 500, 375), Choice(0, 1)),  # the same lying
        ((1, 1, 1), Choice(0, 1)),  # nothing is too small
        ((2, 375, 500), Choice(1, 2)),  # more at a time before nearer
        ((8, 512, 512), Choice(1, 8)),
        ((20, 300, 300), Choice(1, 8)),  # the first 8 of 20
        ((8, 513, 400), Choice(2, 2)),  # only the large one takes it
        ((1, 1100, 900), Choice(2, 1)),
        ((1, 512, 513), Choice(2, 1)),
        ((1, 1152, 1152), Choice(2, 1)),  # 1100 rounded up to a multiple of 64
        ((1, 1153, 10), None),
    ],
)
def test_choose_profile(shape, choice):
    assert choose_profile(profiles("1x375x500", "8x512x512", "2x1000x1100"), shape) == choice


@pytest.mark.parametrize("order", [1, -1])
def test_choose_profile__nearest_of_those_that_take_as_many(order):
    near, far = "4x200x200", "4x600x600"
    listed = [near, far][::order]
    assert choose_profile(profiles(*listed), (4, 180, 190)) == Choice(listed.index(near), 4)
