"""What every net has: an encoder with its normalisation, and logits at stride 4 for images of any size."""

from torch import Tensor, nn
from torch.nn import functional as F

from swsss.data.transforms import normalise
from swsss.nets.config import NetConfig
from swsss.nets.names import normalisation

STRIDE = 4
"""Input pixels per logit."""


class SegmentationNet(nn.Module):
    """Base of the nets: a subclass makes `backbone` and `classifier`, and says in `logits` how they are joined.

    The upsampling to the image belongs to the caller, because only the candidate channels need it.

    Args:
        config: Shape of the net.
        num_classes: Output channels, background included.
        multiple: Sides that the encoder can take are multiples of this. Other images are padded at the right and at the
            bottom with the mean colour, and the logits of the padding are cut off.
    """

    backbone: nn.Module
    classifier: nn.Conv2d

    def __init__(self, config: NetConfig, num_classes: int, multiple: int = 1) -> None:
        super().__init__()
        self.config = config
        self.num_classes = num_classes
        self.multiple = multiple
        self.mean, self.std = normalisation(config.backbone, config.weights)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised float [N, 3, H, W] to logits [N, C, ceil(H/4), ceil(W/4)]."""
        if self.multiple == 1:
            return self.logits(image)
        height, width = image.shape[2:]
        padded = F.pad(image, (0, -width % self.multiple, 0, -height % self.multiple))
        return self.logits(padded)[:, :, : -(-height // STRIDE), : -(-width // STRIDE)]

    def logits(self, image: Tensor) -> Tensor:
        """`forward` of an image whose sides are multiples of `multiple`."""
        raise NotImplementedError

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 [N, 3, H, W] as this net's encoder wants to see it; see `transforms.normalise`."""
        return normalise(images, self.mean, self.std)

    def freeze_encoder(self) -> None:
        """Stop training the encoder, if the configuration says so; to be called once it is made."""
        if self.config.freeze:
            self.backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> "SegmentationNet":
        """Set training mode, in which a frozen encoder keeps its batch norm statistics."""
        super().train(mode)
        if self.config.freeze:
            self.backbone.eval()
        return self
