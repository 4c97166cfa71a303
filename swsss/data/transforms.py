"""Augmentation of an image and its mask together, with torchvision's `transforms.v2`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as F

from swsss.data.classes import IGNORE

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""ImageNet statistics of RGB in 0..1, which every torchvision backbone was trained with; timm names its own."""

_FILL = {tv_tensors.Image: [round(255 * mean) for mean in MEAN], tv_tensors.Mask: IGNORE}


Hue = Annotated[float, Field(ge=0, le=0.5)]


class AugmentConfig(BaseModel):
    """What is done to a training image; the crop size belongs to the stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: tuple[PositiveFloat, PositiveFloat] = Field((1.0, 1.0), description="random scale, drawn evenly")
    flip: float = Field(0.0, ge=0, le=1, description="probability of a horizontal flip")
    jitter: tuple[NonNegativeFloat, NonNegativeFloat, NonNegativeFloat, Hue] = Field(
        (0, 0, 0, 0), description="brightness, contrast, saturation, hue"
    )
    operations: int = Field(0, ge=0, description="operations drawn from the paper's pools")


class StrongConfig(BaseModel):
    """The colours of a strongly augmented view (FixMatch, Sohn et al. 2020; UniMatch, Yang et al. 2023)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    jitter: tuple[NonNegativeFloat, NonNegativeFloat, NonNegativeFloat, Hue] = Field(
        (0.5, 0.5, 0.25, 0.125), description="brightness, contrast, saturation, hue"
    )
    jitter_probability: float = Field(0.8, ge=0, le=1)
    grey_probability: float = Field(0.2, ge=0, le=1)


def uniform(low: float, high: float) -> float:
    """One number from torch's global generator, which the loader seeds for every sample."""
    return low + (high - low) * float(torch.rand(()))


Operation = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _mixed(
    change: Callable[[Tensor], Tensor], low: float, high: float, image: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Blend of the changed (0) and the original image (1), beyond 1 away from the change (PIL's `Image.blend`)."""
    share = uniform(low, high)
    blended = change(image).float().lerp(image.float(), share)
    return tv_tensors.Image(blended.clamp(0, 255).round().to(torch.uint8)), mask


def _factor(
    change: Callable[[Tensor, float], Tensor], low: float, high: float, image: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor]:
    return change(image, uniform(low, high)), mask


def _posterize(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    return F.posterize(image, bits=int(torch.randint(1, 9, ()))), mask


def _solarize(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    return F.solarize(image, threshold=uniform(0, 255)), mask


# The authors' pools and ranges (their config.py): photometric operations change the image alone, geometric ones both.
PHOTOMETRIC: dict[str, Operation] = {
    "autocontrast": partial(_mixed, F.autocontrast, 0, 1),
    "brightness": partial(_factor, F.adjust_brightness, 0.5, 1.5),
    "color": partial(_factor, F.adjust_saturation, 0.5, 1.5),
    "contrast": partial(_factor, F.adjust_contrast, 0.5, 1.5),
    "equalize": partial(_mixed, F.equalize, 0.5, 1.5),
    "invert": partial(_mixed, F.invert, 0, 1),
    "posterize": _posterize,
    "sharpness": partial(_factor, F.adjust_sharpness, 0, 1),
    "solarize": _solarize,
}


def _rescale(low: float, high: float, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Resize both by one random factor."""
    factor = uniform(low, high)
    size = [max(1, round(side * factor)) for side in image.shape[-2:]]
    # As a tv_tensors.Mask it would be resized with NEAREST, which moves it half a pixel against the image.
    resized = F.resize(mask.as_subclass(Tensor), size, interpolation=InterpolationMode.NEAREST_EXACT)
    return F.resize(image, size, antialias=True), tv_tensors.Mask(resized)


GEOMETRIC: dict[str, Operation] = {
    "scale": partial(_rescale, 0.5, 2.0),
    "flip": v2.RandomHorizontalFlip(0.5),
    # Shear factors of ±0.3 are angles of ±16.7°.
    "shear": v2.RandomAffine(0, shear=(-16.7, 16.7, -16.7, 16.7), interpolation=InterpolationMode.BILINEAR, fill=_FILL),
    "rotation": v2.RandomRotation(45, interpolation=InterpolationMode.BILINEAR, fill=_FILL),
}


def draw_operations(count: int) -> list[Operation]:
    """`count` operations: the share of each pool is drawn first, then the operations, with replacement."""
    photometric = int(torch.randint(count + 1, ()))
    shares = [(PHOTOMETRIC, photometric), (GEOMETRIC, count - photometric)]
    return [list(pool.values())[int(torch.randint(len(pool), ()))] for pool, times in shares for _ in range(times)]


class Strong:
    """Colour jitter and greyscale by chance; the geometry stays, so labels of the weak view hold for the strong one."""

    def __init__(self, config: StrongConfig) -> None:
        grey = v2.RandomGrayscale(config.grey_probability)
        self.change = v2.Compose([v2.RandomApply([v2.ColorJitter(*config.jitter)], config.jitter_probability), grey])

    def __call__(self, image: Tensor) -> Tensor:
        """uint8 [3, H, W] to the same."""
        changed: Tensor = self.change(image)
        return changed


class Augment:
    """Random scale, flip, colour jitter and drawn operations, then a random crop.

    Randomness comes from torch's global generator alone, so a seed set before the call decides everything.

    Args:
        config: What is done, and how strongly.
        crop: Side of the square that comes out; smaller images are padded with mean colour, and their mask with 255.
    """

    def __init__(self, config: AugmentConfig, crop: int) -> None:
        self.config = config
        self.rescale = partial(_rescale, *config.scale) if config.scale != (1.0, 1.0) else None
        self.flip = v2.RandomHorizontalFlip(config.flip) if config.flip else None
        brightness, contrast, saturation, hue = config.jitter
        self.jitter = v2.ColorJitter(brightness, contrast, saturation, hue) if any(config.jitter) else None
        self.crop = v2.RandomCrop(crop, pad_if_needed=True, fill=_FILL)

    def __call__(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 [3, H, W] and uint8 [1, H, W] to uint8 [3, crop, crop] and uint8 [1, crop, crop]."""
        image, mask = tv_tensors.Image(image), tv_tensors.Mask(mask)
        steps: list[Operation | None] = [*draw_operations(self.config.operations), self.rescale, self.flip]
        for step in steps:
            if step is not None:
                image, mask = step(image, mask)
        image, mask = self.crop(image, mask)
        # Last, because it is the dearest operation and the crop is the smallest image.
        if self.jitter is not None:
            image = self.jitter(image)
        return image.as_subclass(Tensor), mask.as_subclass(Tensor)


def normalise(images: Tensor, mean: Sequence[float] = MEAN, std: Sequence[float] = STD) -> Tensor:
    """Bring pixels to the statistics an encoder is used to.

    Args:
        images: uint8 [N, 3, H, W].
        mean: Of RGB in 0..1.
        std: Likewise.

    Returns:
        float32, on the same device, channels last.
    """
    centre = torch.tensor(mean, device=images.device).view(1, 3, 1, 1) * 255
    spread = torch.tensor(std, device=images.device).view(1, 3, 1, 1) * 255
    return ((images.float() - centre) / spread).contiguous(memory_format=torch.channels_last)
