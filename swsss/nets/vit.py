"""Plain ViTs of timm as feature extractors: DINOv2, DINOv3, DeiT, augreg and others."""

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swsss.errors import UserError
from swsss.nets.state_dicts import load_weights
from swsss.nets.timm_weights import create, local_weights

_MODULES = {"timm.models.vision_transformer", "timm.models.eva", "timm.models.deit"}


def is_plain_vit(name: str) -> bool:
    """Whether a model of timm is a plain ViT: one grid of patches through all blocks."""
    from timm.models import model_entrypoint  # noqa: PLC0415 - takes seconds, and only nets of timm need it

    return model_entrypoint(name.partition(".")[0]).__module__ in _MODULES


class PlainViT(nn.Module):
    """A ViT of timm for images of any size that is a multiple of its patch.

    A learned table of positions is resized to the grid of patches with plain bilinear interpolation, where timm filters
    it bicubically: every runtime computes that alike, and TensorRT refuses the other. Rotary positions (RoPE) need no
    resizing: they are computed from the grid.

    Args:
        vit: A model of timm: `VisionTransformer` or `Eva`.
    """

    def __init__(self, vit: nn.Module) -> None:
        super().__init__()
        self.vit = cast(Any, vit)
        self.patch: int = self.vit.patch_embed.patch_size[0]
        self.channels: int = self.vit.embed_dim
        self.heads: int = self.vit.blocks[0].attn.num_heads

    def forward(self, image: Tensor) -> Tensor:
        """Float [N, 3, H, W] to features [N, channels, H / patch, W / patch] after the last norm."""
        vit = self.vit
        grid = vit.patch_embed.proj(image)
        count, _, height, width = grid.shape
        tokens = vit.norm_pre(self._placed(vit.patch_embed.norm(grid.flatten(2).transpose(1, 2)), height, width))
        rope = getattr(vit, "rope", None)
        turned = {} if rope is None else {"rope": _rotations(rope.periods, rope.rotate_half, height, width)}
        for block in vit.blocks:
            tokens = block(tokens, **turned)
        # One of the two norms is an identity.
        patches = vit.fc_norm(vit.norm(tokens))[:, vit.num_prefix_tokens :]
        return cast(Tensor, patches.transpose(1, 2).reshape(count, self.channels, height, width))

    def _placed(self, patches: Tensor, height: int, width: int) -> Tensor:
        """Add positions and prefix tokens: [N, height · width, D] to [N, prefix + height · width, D]."""
        vit = self.vit
        tokens = (vit.cls_token, getattr(vit, "dist_token", None), vit.reg_token)
        prefix = [token.expand(len(patches), -1, -1) for token in tokens if token is not None]
        if vit.pos_embed is None:
            return torch.cat([*prefix, patches], 1)
        if vit.no_embed_class:
            return torch.cat([*prefix, patches + self._positions(vit.pos_embed, height, width)], 1)
        own = vit.num_prefix_tokens
        positions = self._positions(vit.pos_embed[:, own:], height, width)
        return torch.cat([*prefix, patches], 1) + torch.cat([vit.pos_embed[:, :own], positions], 1)

    def _positions(self, table: Tensor, height: int, width: int) -> Tensor:
        """The table [1, rows · columns, D] for another grid: [1, height · width, D]."""
        rows, columns = self.vit.patch_embed.grid_size
        grid = table.transpose(1, 2).reshape(1, self.channels, rows, columns)
        resized = F.interpolate(grid, size=(height, width), mode="bilinear", align_corners=False)
        return resized.flatten(2).transpose(1, 2)


def _rotations(periods: Tensor, halves: bool, height: int, width: int) -> Tensor:
    """Sines and cosines of DINOv3's rotary positions (Siméoni et al., DINOv3, 2025).

    timm's own depends on Python numbers, which an exporter would take for constants.

    Args:
        periods: [D / 4] of an attention head with D channels.
        halves: Whether the two channels of a rotation are D / 2 apart, or neighbours.
        height: Patches down.
        width: Patches across.

    Returns:
        [height · width, 2 D]: first the sines.
    """
    down, across = (
        (torch.arange(count, device=periods.device, dtype=periods.dtype) + 0.5) / count * 2 - 1
        for count in (height, width)
    )
    places = torch.stack([down[:, None].expand(height, width), across[None].expand(height, width)], 2)
    angles = (2 * math.pi * places.reshape(height * width, 2, 1) / periods).flatten(1)
    angles = torch.cat([angles, angles], 1) if halves else angles.repeat_interleave(2, 1)
    return torch.cat([angles.sin(), angles.cos()], 1)


def build_vit(name: str, weights: str) -> PlainViT:
    """A plain ViT of timm.

    Args:
        name: With or without a tag.
        weights: "" for random, "pretrained", a tag of timm, or a file with timm's state dict.

    Raises:
        UserError: The weights cannot be had or do not fit, or the model has parts that are not supported.
    """
    state = local_weights(weights)
    vit: Any = create(name, "" if state is not None else weights, num_classes=0)
    vit.attn_pool = None  # makes one vector of an image
    rope = getattr(vit, "rope", None)
    if rope is not None and not hasattr(rope, "periods"):
        raise UserError(f"net.backbone = '{name}' has rotary positions of another kind than DINOv3's; choose another.")
    if state is not None:
        load_weights(vit, state, prefix_dropped=None)
    return PlainViT(vit)
