"""swsss: from a few masks and many image-level tags to a mask for every image, and to a model that needs no tags."""

__version__ = "0.1.0"
