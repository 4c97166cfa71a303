"""Output formats besides the masks: written from a labels folder, one image at a time."""

from collections.abc import Mapping
from types import MappingProxyType

from swsss.serve.formats.coco import coco_into, open_coco
from swsss.serve.formats.cvat import cvat_into, open_cvat
from swsss.serve.formats.label_studio import label_studio_into, open_label_studio
from swsss.serve.formats.sink import Opener, StreamOpener

FORMATS: Mapping[str, Opener] = MappingProxyType(
    {"coco": open_coco, "label-studio": open_label_studio, "cvat": open_cvat}
)
"""What `--format` may name."""

STREAMS: Mapping[str, StreamOpener] = MappingProxyType(
    {"coco": coco_into, "label-studio": label_studio_into, "cvat": cvat_into}
)
"""The same, into a file that is open."""
