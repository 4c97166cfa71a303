"""Masks as the brush regions of a Label Studio prediction."""

import hashlib

from swsss.data.classes import ClassTable
from swsss.data.images import Pixels
from swsss.serve.formats.label_studio import pack_brush
from swsss.serve.formats.runs import foreground_runs
from swsss.serve.records import Labelled
from swsss.serve.server.protocols.label_studio_config import BrushConfig


def brush_regions(
    row: Labelled, mask: Pixels, classes: ClassTable, config: BrushConfig, unique: str
) -> list[dict[str, object]]:
    """Make a region of every class that has pixels and a label.

    Args:
        row: What is known of the image.
        mask: uint8 [H, W] class ids, upright; 255 is in no region. Label Studio's page shows images as browsers do,
            turned by their EXIF orientation, and so are its sizes.
        classes: Of the model.
        config: Where the regions belong, and the labels.
        unique: What tells this prediction from all others; region ids come of it.
    """
    height, width = mask.shape
    regions: list[dict[str, object]] = []
    for runs in foreground_runs(mask.ravel()):
        name = classes.names[runs.index]
        if name not in config.labels:
            continue
        region: dict[str, object] = {
            "id": hashlib.sha256(f"{unique}\n{name}".encode()).hexdigest()[:10],
            "type": "brushlabels",
            "from_name": config.from_name,
            "to_name": config.to_name,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {"format": "rle", "rle": pack_brush(runs.lengths).tolist(), "brushlabels": [config.labels[name]]},
        }
        if runs.index in row.confidence:
            region["score"] = row.confidence[runs.index]
        regions.append(region)
    return regions
