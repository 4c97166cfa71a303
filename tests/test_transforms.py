"""Augmentation: image and mask stay together, padding is ignored, and the seed decides everything."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor
from torchvision import tv_tensors

from swsss.data import transforms
from swsss.data.transforms import GEOMETRIC, MEAN, PHOTOMETRIC, STD, Augment, AugmentConfig, draw_operations, normalise

FILL = torch.tensor([round(255 * mean) for mean in MEAN], dtype=torch.uint8)[:, None, None]
COLOURS = torch.tensor([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]])

FULL = AugmentConfig(scale=(0.5, 2.0), flip=0.5, jitter=(0.3, 0.3, 0.3, 0.05), operations=2)


def painting(seed: int, height: int = 96, width: int = 120) -> tuple[Tensor, Tensor]:
    """A mask of large patches, and the image in which every class has its colour."""
    generator = torch.Generator().manual_seed(seed)
    patches = torch.randint(0, len(COLOURS), (1, height // 24, width // 24), generator=generator, dtype=torch.uint8)
    mask = patches.repeat_interleave(24, 1).repeat_interleave(24, 2)
    return COLOURS[mask[0].long()].permute(2, 0, 1).to(torch.uint8), mask


def read_back(image: Tensor) -> Tensor:
    """The class of every pixel by its colour, 255 where it has the colour of the padding."""
    colours = torch.cat([COLOURS, FILL.flatten()[None]])
    nearest = (image.permute(1, 2, 0)[:, :, None].int() - colours.int()).abs().sum(3).argmin(2)
    return torch.where(nearest == len(COLOURS), 255, nearest)


def inner(mask: Tensor, reach: int = 3) -> Tensor:
    """Pixels of bool [H, W] whose neighbours all are of the same class; at borders colours mix."""
    patches = mask[0].float()[None, None]
    side = 2 * reach + 1
    low, high = (sign * torch.max_pool2d(sign * patches, side, 1, reach)[0, 0] for sign in (-1, 1))
    return low == high


@pytest.mark.parametrize("seed", range(12))
def test_augment__mask_follows_image(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "PHOTOMETRIC", {"none": lambda image, mask: (image, mask)})
    image, mask = painting(seed)
    torch.manual_seed(seed)
    config = AugmentConfig(scale=(0.5, 2.0), flip=0.5, operations=2)
    image, mask = Augment(config, 90)(image, mask)
    where = inner(mask)
    assert where.float().mean() > 0.2
    assert torch.equal(read_back(image)[where], mask[0][where].long())


@pytest.mark.parametrize("name", GEOMETRIC)
@pytest.mark.parametrize("seed", range(5))
def test_geometric__same_place_within_a_fraction_of_a_pixel(name: str, seed: int) -> None:
    """A disc on the colour of the padding: its centre and its area in the image and in the mask."""
    rows, columns = torch.meshgrid(torch.arange(81.0), torch.arange(101.0), indexing="ij")
    mask = ((rows - 38.3) ** 2 + (columns - 53.6) ** 2 < 17**2).to(torch.uint8)[None]
    image = torch.where(mask == 1, torch.tensor(255, dtype=torch.uint8), FILL)
    torch.manual_seed(seed)
    image, mask = GEOMETRIC[name](tv_tensors.Image(image), tv_tensors.Mask(mask))
    assert image.shape[1:] == mask.shape[1:]

    def centre(weight: Tensor) -> tuple[float, float, float]:
        down, right = torch.meshgrid(*(torch.arange(side).double() for side in weight.shape), indexing="ij")
        area = weight.sum()
        return float((weight * down).sum() / area), float((weight * right).sum() / area), float(area)

    seen = centre((image[0].double() - FILL[0].double()) / (255 - FILL[0].double()))
    told = centre((mask[0] == 1).double())
    assert seen[:2] == pytest.approx(told[:2], abs=0.15)
    assert seen[2] == pytest.approx(told[2], rel=0.04)


@pytest.mark.parametrize("name", PHOTOMETRIC)
def test_photometric__leaves_the_mask_alone(name: str) -> None:
    torch.manual_seed(0)
    image, mask = (
        tv_tensors.Image(torch.randint(30, 200, (3, 24, 30), dtype=torch.uint8)),
        torch.randint(0, 9, (1, 24, 30)),
    )
    changed = []
    for _ in range(8):
        other, same = PHOTOMETRIC[name](image, tv_tensors.Mask(mask.to(torch.uint8)))
        assert torch.equal(same, mask.to(torch.uint8))
        assert (other.shape, other.dtype) == (image.shape, torch.uint8)
        changed.append(not torch.equal(other, image))
    assert any(changed)


def blend(change: Callable[[Image.Image], Image.Image]) -> Callable[[Image.Image, float], Image.Image]:
    return lambda image, share: Image.blend(change(image), image, share)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("autocontrast", blend(ImageOps.autocontrast)),
        ("brightness", lambda image, share: ImageEnhance.Brightness(image).enhance(share)),
        ("color", lambda image, share: ImageEnhance.Color(image).enhance(share)),
        ("contrast", lambda image, share: ImageEnhance.Contrast(image).enhance(share)),
        ("equalize", blend(ImageOps.equalize)),
        ("invert", blend(ImageOps.invert)),
        ("sharpness", lambda image, share: ImageEnhance.Sharpness(image).enhance(share)),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0, 1.4])
def test_photometric__equals_pil(
    name: str, share: float, reference: Callable[[Image.Image, float], Image.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paper's operations are PIL's."""
    monkeypatch.setattr(transforms, "uniform", lambda low, high: share)
    torch.manual_seed(1)
    image = torch.randint(40, 180, (3, 24, 30), dtype=torch.uint8)
    found, _ = PHOTOMETRIC[name](tv_tensors.Image(image), torch.zeros(1, 24, 30))
    expected = np.asarray(reference(Image.fromarray(image.permute(1, 2, 0).numpy()), share))
    assert np.abs(found.permute(1, 2, 0).numpy().astype(int) - expected).max() <= 2


def test_photometric__posterize_and_solarize_equal_pil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "uniform", lambda low, high: 100.0)
    image = torch.arange(256, dtype=torch.uint8).view(1, 16, 16).expand(3, -1, -1)
    picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
    found, _ = PHOTOMETRIC["solarize"](tv_tensors.Image(image), image)
    assert np.array_equal(found.permute(1, 2, 0).numpy(), np.asarray(ImageOps.solarize(picture, 100)))
    possible = {np.asarray(ImageOps.posterize(picture, bits)).tobytes() for bits in range(1, 9)}
    torch.manual_seed(0)
    several = [PHOTOMETRIC["posterize"](tv_tensors.Image(image), image)[0] for _ in range(64)]
    assert {one.permute(1, 2, 0).contiguous().numpy().tobytes() for one in several} == possible


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_draw_operations(count: int) -> None:
    torch.manual_seed(count)
    drawn = [draw_operations(count) for _ in range(300)]
    assert {len(operations) for operations in drawn} == {count}
    pools = {id(operation) for pool in (PHOTOMETRIC, GEOMETRIC) for operation in pool.values()}
    assert {id(operation) for operations in drawn for operation in operations} == (pools if count else set())
    photometric = {id(operation) for operation in PHOTOMETRIC.values()}
    shares = {sum(id(operation) in photometric for operation in operations) for operations in drawn}
    assert shares == set(range(count + 1))


@pytest.mark.parametrize(("height", "width"), [(20, 30), (40, 90), (90, 40), (64, 64), (1, 1)])
def test_augment__padding(height: int, width: int) -> None:
    image, mask = torch.full((3, height, width), 7, dtype=torch.uint8), torch.ones(1, height, width, dtype=torch.uint8)
    torch.manual_seed(0)
    image, mask = Augment(AugmentConfig(), 64)(image, mask)
    assert (image.shape, image.dtype, type(image)) == ((3, 64, 64), torch.uint8, Tensor)
    assert (mask.shape, mask.dtype, type(mask)) == ((1, 64, 64), torch.uint8, Tensor)
    assert (mask == 1).sum() == min(height, 64) * min(width, 64)
    assert (mask == 255).sum() == 64 * 64 - (mask == 1).sum()
    assert torch.equal(image, torch.where(mask == 255, FILL, torch.tensor(7, dtype=torch.uint8)))


def test_augment__seed_decides_everything() -> None:
    image, mask = painting(0)
    augment, results = Augment(FULL, 64), []
    for seed in (1, 2, 1, 3, 2):
        # Other generators, and what went before, must not matter.
        random.seed(len(results))
        np.random.seed(len(results))
        torch.manual_seed(seed)
        results.append(augment(image.clone(), mask.clone()))
    assert torch.equal(results[0][0], results[2][0])
    assert torch.equal(results[0][1], results[2][1])
    assert torch.equal(results[1][0], results[4][0])
    assert not torch.equal(results[0][0], results[1][0])
    assert not torch.equal(results[0][0], results[3][0])


def test_normalise() -> None:
    torch.manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 5, 6), dtype=torch.uint8)
    found = normalise(images)
    expected = (images.numpy().transpose(0, 2, 3, 1) / 255 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(found.numpy().transpose(0, 2, 3, 1), expected, atol=1e-6)
    assert found.is_contiguous(memory_format=torch.channels_last)
