"""Output formats besides the masks: written from a labels folder, one image at a time."""

from collections.abc import Mapping
from types import MappingProxyType

from swsss.serve.formats.coco import open_coco
from swsss.serve.formats.cvat import open_cvat
from swsss.serve.formats.label_studio import open_label_studio
from swsss.serve.formats.sink import Opener

FORMATS: Mapping[str, Opener] = MappingProxyType(
    {"coco": open_coco, "label-studio": open_label_studio, "cvat": open_cvat}
)
"""What `--format` may name."""
