"""What every net has: an encoder with its normalisation, and logits at stride 4 for images of any size."""

from torch import Tensor, nn
from torch.nn import functional as F

from swsss.data.transforms import normalise
from swsss.nets.config import NetConfig
from swsss.nets.names import normalisation

STRIDE = 4
"""Input pixels per logit."""

LEAST_GATE = -20.0
"""The least log-probability a tag counts with: as good as never, and within half precision."""


class TagHead(nn.Module):
    """Tag logits of an image: a logit for each class and place, pooled by the mean of their exponentials.

    A smooth maximum (Pinheiro and Collobert, From image-level to pixel-level labeling, CVPR 2015): one place where the
    class is sure is enough, and every place learns.

    Args:
        channels: Of the encoder's last features.
        num_classes: Background included, which has no tag.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.places = nn.Conv2d(channels, num_classes - 1, 1)
        nn.init.zeros_(self.places.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Features [N, channels, h, w] to tag logits, float32 [N, C - 1]."""
        places: Tensor = self.places(features)
        # The mean, so that the number of places, which an exported graph does not know, does not appear.
        highest = places.float().amax((2, 3), keepdim=True).detach()
        return (places.float() - highest).exp().mean((2, 3)).log() + highest[:, :, 0, 0]


def gate_of(tags: Tensor) -> Tensor:
    """What tag logits [N, C - 1] add to the logits of all classes: [N, C, 1, 1], 0 for background."""
    return F.pad(F.logsigmoid(tags).clamp(min=LEAST_GATE), (1, 0))[:, :, None, None]


class SegmentationNet(nn.Module):
    """Base of the nets: a subclass makes `backbone` and `classifier`, and says in `logits` how they are joined.

    The upsampling to the image belongs to the caller, because only the candidate channels need it.

    Args:
        config: Shape of the net.
        num_classes: Output channels, background included.
        multiple: Sides that the encoder can take are multiples of this. Other images are padded at the right and at the
            bottom with the mean colour, and the logits of the padding are cut off.
    """

    attention: float = 0.0
    """Numbers in the largest attention map, over the squared number of pixels; a convolutional net has none."""

    backbone: nn.Module
    classifier: nn.Conv2d
    tag_head: TagHead | None

    def __init__(self, config: NetConfig, num_classes: int, multiple: int = 1) -> None:
        super().__init__()
        self.config = config
        self.num_classes = num_classes
        self.multiple = multiple
        self.mean, self.std = normalisation(config.backbone, config.weights)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised float [N, 3, H, W] to logits [N, C, ceil(H/4), ceil(W/4)]."""
        return self.with_tags(image)[0]

    def with_tags(self, image: Tensor) -> tuple[Tensor, Tensor | None]:
        """`forward`, and the tag logits, float32 [N, C - 1], of a net that has a tag head."""
        height, width = image.shape[2:]
        logits, features = self.logits(F.pad(image, (0, -width % self.multiple, 0, -height % self.multiple)))
        logits = logits[:, :, : -(-height // STRIDE), : -(-width // STRIDE)]
        if self.tag_head is None:
            return logits, None
        tags = self.tag_head(features)
        return (logits + gate_of(tags) if self.config.gate else logits), tags

    def logits(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of an image whose sides are multiples of `multiple`, and the encoder's last features."""
        raise NotImplementedError

    def finish(self, channels: int) -> None:
        """To be called once the encoder, whose last features have `channels`, and the decoder are made."""
        self.tag_head = TagHead(channels, self.num_classes) if self.config.tag_head else None
        self.freeze_encoder()

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 [N, 3, H, W] as this net's encoder wants to see it; see `transforms.normalise`."""
        return normalise(images, self.mean, self.std)

    def freeze_encoder(self) -> None:
        """Stop training the encoder, if the configuration says so."""
        if self.config.freeze:
            self.backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> "SegmentationNet":
        """Set training mode, in which a frozen encoder keeps its batch norm statistics."""
        super().train(mode)
        if self.config.freeze:
            self.backbone.eval()
        return self
