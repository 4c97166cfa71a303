"""Masks as the brush regions of a Label Studio prediction."""

from swsss.data.classes import ClassTable
from swsss.data.images import Pixels
from swsss.serve.formats.label_studio import brush_region
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
        if name in config.labels:
            score = row.confidence.get(runs.index)
            names = config.from_name, config.to_name
            region = brush_region(runs, (width, height), f"{unique}\n{name}", config.labels[name], score, names)
            regions.append(region)
    return regions
