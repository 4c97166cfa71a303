"""Labelling an image as the authors' test script does it: PyTorch, one image at a time, every class at full size."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from swsss.data.transforms import MEAN, STD
from swsss.nets import DeepLabV3Plus
from swsss.predict import VIEWS


class AuthorsLabeller:
    """One net in eager mode.

    Args:
        net: Not fused, contiguous memory, as the authors load theirs.
        tta: "none" or "paper".
        device: Where it runs.
    """

    def __init__(self, net: DeepLabV3Plus, tta: str, device: str) -> None:
        self.net = net.eval().to(device)
        self.views = VIEWS[tta]  # type: ignore[index]
        self.device = device

    def label(self, image: Path, tags: list[int], out: Path) -> None:
        """Read, predict, mask by tags, write a grey PNG."""
        pixels = cv2.imread(str(image))[:, :, ::-1]
        height, width = pixels.shape[:2]
        normal = ((pixels / 255.0 - MEAN) / STD).astype(np.float32)
        total = torch.zeros(1, self.net.num_classes, height, width, device=self.device)
        with torch.no_grad():
            for scale in self.views.scales:
                size = (round(width * scale), round(height * scale))
                view = normal if scale == 1.0 else cv2.resize(normal, size, interpolation=cv2.INTER_CUBIC)
                tensor = torch.from_numpy(view.transpose(2, 0, 1).copy())[None].to(self.device)
                for flipped in (False, True) if self.views.flip else (False,):
                    logits = self.net(tensor.flip(3) if flipped else tensor)
                    full = F.interpolate(logits, (height, width), mode="bilinear", align_corners=True)
                    total += full.flip(3) if flipped else full
            probability = F.softmax(total / self.views.count, 1)[0].cpu().numpy()
        allowed = np.zeros((self.net.num_classes, 1, 1), np.float32)
        allowed[[0, *tags]] = 1
        cv2.imwrite(str(out / f"{image.stem}.png"), (probability * allowed).argmax(0).astype(np.uint8))
