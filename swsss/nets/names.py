"""Names of encoders. timm is imported only for those that are not torchvision's: that takes seconds."""

import difflib

from swsss.data.transforms import MEAN, STD

TORCHVISION = ("resnet18", "resnet34", "resnet50", "resnet101", "mobilenet_v2", "mobilenet_v3_large")


def why_unknown(name: str) -> str:
    """What is wrong with the name of an encoder, as a sentence without its full stop; "" when there is one."""
    if name in TORCHVISION:
        return ""
    import timm  # noqa: PLC0415 - see above

    bare, _, tag = name.partition(".")
    if not timm.is_model(bare):
        near = difflib.get_close_matches(bare, list(dict.fromkeys([*TORCHVISION, *timm.list_models()])), n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        return f"neither torchvision nor timm {timm.__version__} has an encoder '{name}'{hint}"
    tags = timm_tags(bare)
    if tag and tag not in tags:
        return f"timm has no weights '{tag}' of {bare} (there are: {', '.join(tags) or 'none'})"
    return ""


def timm_tags(bare: str) -> list[str]:
    """The tags of timm's weights of a model, the default first."""
    from timm.models import get_arch_pretrained_cfgs  # noqa: PLC0415 - see above

    return [name.partition(".")[2] for name in get_arch_pretrained_cfgs(bare)]


Statistics = tuple[float, float, float]


def normalisation(name: str, weights: str) -> tuple[Statistics, Statistics]:
    """Mean and standard deviation of RGB in 0..1 that an encoder is used to.

    Args:
        name: Of the encoder, known.
        weights: What it starts from: a tag of timm's may have statistics of its own.
    """
    if name in TORCHVISION:
        return MEAN, STD
    from timm.models import get_pretrained_cfg  # noqa: PLC0415 - see above

    bare, _, tag = name.partition(".")
    chosen = bare_tag(weights, bare) if bare_tag(weights, bare) in timm_tags(bare) else tag
    entry = get_pretrained_cfg(f"{bare}.{chosen}" if chosen else bare)
    if entry is None or len(entry.mean) != 3:
        return MEAN, STD
    mean, std = entry.mean, entry.std
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])


def bare_tag(weights: str, bare: str) -> str:
    """A tag of timm's weights without the name of its model, which timm writes before it."""
    return weights.removeprefix(f"{bare}.")
