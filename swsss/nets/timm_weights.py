"""timm's models, and where their weights come from."""

import logging
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from swsss.errors import UserError
from swsss.nets.names import bare_tag, timm_tags
from swsss.nets.state_dicts import read_state_dict

PRETRAINED = "pretrained"


def local_weights(weights: str) -> dict[str, Tensor] | None:
    """The state dict of a file, None when `weights` is no file.

    Raises:
        UserError: It holds no state dict.
    """
    path = Path(weights).expanduser()
    return read_state_dict(path) if weights and path.is_file() else None


def create(name: str, weights: str, **options: Any) -> nn.Module:
    """A model of timm.

    Args:
        name: With or without a tag.
        weights: "" for random, "pretrained", or a tag; these are downloaded.
        options: For timm.

    Raises:
        UserError: There are no such weights, or they cannot be downloaded.
    """
    import timm  # noqa: PLC0415 - takes seconds, and only nets of timm need it

    bare, _, tag = name.partition(".")
    if not weights:
        return timm.create_model(bare, pretrained=False, **options)
    chosen = _tag(bare, tag, weights)
    # Its client announces every retry.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return timm.create_model(f"{bare}.{chosen}", pretrained=True, **options)
    except (TypeError, AssertionError, NotImplementedError):
        raise  # not a matter of weights
    except Exception as error:  # the hub's client raises many kinds, none of which the user can act on differently
        raise UserError(
            f"The weights {bare}.{chosen} cannot be downloaded ({_root(error)}); give a local file with "
            "--set net.weights=FILE, or train from scratch with --set net.weights=''."
        ) from None


def _root(error: BaseException) -> str:
    """What a client's error began with: the network, not the client's advice."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _tag(bare: str, tag: str, weights: str) -> str:
    tags = timm_tags(bare)
    chosen = (tag or (tags or [""])[0]) if weights == PRETRAINED else bare_tag(weights, bare)
    if chosen in tags:
        return chosen
    known = ", ".join([PRETRAINED, *tags]) if tags else "none"
    raise UserError(f"net.weights = '{weights}' is neither a file nor weights of {bare} (there are: {known}).")
