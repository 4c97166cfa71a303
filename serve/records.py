"""What is known of an image once it is labelled, or could not be."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Labelled:
    """An image whose mask is written.

    Args:
        image: Path below the image folder, with `/`.
        mask: Path of its mask below `masks/`, with `/`.
        width: Of image and mask as stored, in pixels.
        height: Likewise.
        tags: Foreground class ids its tags allow, ascending; None when it was labelled without tags.
        pixels: Number of pixels by class id; 255 counts what `--ignore-below` left out. Only classes that occur.
        confidence: Mean probability (0..1) of the pixels of each class in `pixels` but 255.
        mean_confidence: Mean probability (0..1) over all pixels, those left out included.
        seconds: What labelling it took: its share of its batch, decoding and writing included.
    """

    image: str
    mask: str
    width: int
    height: int
    tags: tuple[int, ...] | None
    pixels: Mapping[int, int] = field(default_factory=dict)
    confidence: Mapping[int, float] = field(default_factory=dict)
    mean_confidence: float = 0.0
    seconds: float = 0.0

    @property
    def found(self) -> tuple[int, ...]:
        """Foreground classes that have pixels, ascending."""
        return tuple(sorted(set(self.pixels) - {0, 255}))

    @property
    def not_found(self) -> tuple[int, ...]:
        """Tags without a pixel, ascending."""
        return tuple(sorted(set(self.tags or ()) - set(self.pixels)))


@dataclass(frozen=True)
class Failed:
    """An image that could not be labelled.

    Args:
        image: Path below the image folder, with `/`.
        stage: decode, infer or write.
        reason: One sentence.
    """

    image: str
    stage: str
    reason: str
