"""The settings of a net."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from swsss.nets.names import why_unknown


class NetConfig(BaseModel):
    """Everything that decides the shape of a net, and the weights it starts from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: str = Field("resnet101", description="encoder: a torchvision name (resnet18, ...) or any model of timm")
    weights: str = Field(
        "",
        description="'' = random; 'pretrained' or a tag of timm ('in1k'), or a torchvision weights name; or a file "
        "with a state dict",
    )
    freeze: bool = Field(False, description="the encoder is not trained, and its batch norms keep their statistics")
    output_stride: Literal[8, 16, 32] = Field(
        16, description="input pixels per feature pixel of a convolutional encoder; a ViT has its patches instead"
    )
    deep_stem: bool = Field(False, description="three 3×3 convolutions as stem (torchvision's resnet50 and resnet101)")
    aspp_channels: int = Field(256, ge=8, description="channels of the decoder; of a ViT's head")
    aspp_rates: tuple[int, int, int] = Field((6, 12, 18), description="dilations in ASPP; a ViT has none")
    shortcut_channels: int = Field(48, ge=1, description="channels from stride 4; a ViT has no shortcut")
    shortcut_kernel: Literal[1, 3] = 3
    separable: bool = Field(False, description="depthwise separable 3×3 convolutions in ASPP and decoder")
    dropout: float = Field(0.5, ge=0, lt=1)
    tag_head: bool = Field(False, description="the encoder also learns to tell an image's tags, from all tagged images")
    gate: bool = Field(
        False, description="classes count by how likely the tag head finds them; of a net that is asked without tags"
    )

    @field_validator("backbone")
    @classmethod
    def _known(cls, name: str) -> str:
        if problem := why_unknown(name):
            raise ValueError(problem)
        return name
