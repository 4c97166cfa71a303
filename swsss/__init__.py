"""swsss: from a few masks and many image-level tags to a mask for every image, and to a model that needs no tags."""

import os

__version__ = "0.1.0"

# OpenCV looks at it when it is loaded, whichever of our modules does that: no decoder is to make more than any picture
# may have (`swsss.data.headers.MAX_PIXELS`), whatever it reads in a header.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "178956970")
