"""Masks that other programs wrote, and what is no mask."""

import os

import numpy as np
import pytest
from odd_masks import GOOD, MASK, png, replaced, spoiled

from swsss.data.images import read_mask
from swsss.errors import UserError

DAMAGED = "it is damaged, or of a kind that cannot be decoded"


@pytest.fixture
def read(tmp_path):
    def write_and_read(data):
        (tmp_path / "mask.png").write_bytes(data)
        return read_mask(tmp_path / "mask.png")

    return write_and_read


@pytest.mark.parametrize("name", ["interlaced", "grey", "transparent", "anything after it"])
def test_read_mask__ids_as_they_are(read, name):
    np.testing.assert_array_equal(read(dict(replaced())[name]), MASK)


@pytest.mark.parametrize(
    ("depth", "colour", "factor"), [(1, 3, 1), (2, 3, 1), (4, 3, 1), (1, 0, 1), (2, 0, 85), (4, 0, 17)]
)
def test_read_mask__few_bits(read, depth, colour, factor):
    """Several pixels a byte, the first in the highest bits; grey up to white, but for 1 bit."""
    ids = np.random.default_rng(0).integers(0, 2**depth, (5, 7), np.uint8)
    bits = (ids[..., None] >> np.arange(depth)[::-1]) & 1
    lines = np.packbits(bits.reshape(5, -1), axis=1)
    found = read(png(7, 5, depth, colour, b"".join(b"\0" + line.tobytes() for line in lines)))
    np.testing.assert_array_equal(found, ids * factor)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "it is empty"),
        ("text", "it is no PNG"),
        ("kind JPEG", "it is no PNG"),
        ("signature", "it is cut short"),
        ("cut 100", "it is cut short"),
        ("too large", "it has more than 178 956 970 pixels"),
        ("depth 3 colour 0", DAMAGED),
        ("no rows", DAMAGED),
        ("unknown filter", DAMAGED),
    ],
)
def test_read_mask__no_mask(read, tmp_path, name, reason):
    with pytest.raises(UserError) as told:
        read(dict(replaced())[name])
    assert str(told.value) == f"{tmp_path / 'mask.png'} cannot be read as a mask: {reason}."


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "I;16"])
def test_read_mask__colours(read, mode):
    with pytest.raises(UserError, match=f"is a {mode} image; a mask must be an indexed or 8-bit grey PNG"):
        read(dict(replaced())[f"mode {mode}"])


def test_read_mask__damage_does_not_go_unnoticed(read):
    """Whatever byte of what matters is changed."""
    for _, data in spoiled(100):
        if data != GOOD:
            with pytest.raises(UserError, match=r"cannot be read as a mask: it is (damaged|cut short)"):
                read(data)


def test_read_mask__no_file(tmp_path):
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    expected = {"folder": "it is a folder", "pipe": "it is a pipe or a device", "gone": "No such file or directory"}
    for name, reason in expected.items():
        with pytest.raises(UserError, match=f"cannot be read as a mask: {reason}"):
            read_mask(tmp_path / f"{name}.png")
