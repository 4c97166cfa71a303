"""One fold of the labelled images, to be held aside from training."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from swsss.data.dataset import Sample
from swsss.errors import UserError


def one_fold(samples: Sequence[Sample], folds: int) -> set[str]:
    """Choose about 1 / `folds` of the samples such that every class is in them to the same share, as far as it goes.

    Classes are gone through from the rarest on (iterative stratification: Sechidis et al., ECML PKDD 2011), and each
    gives at most that share of its images: one that has fewer than `folds` gives none and stays in training whole. The
    order is that of the stems' hashes, so it neither follows the file names nor changes with the seed of a run.

    Args:
        samples: Labelled images with tags.
        folds: 2 or more.

    Returns:
        Their stems.

    Raises:
        UserError: There are fewer samples than folds, or one fold only.
    """
    if not 2 <= folds <= len(samples):
        raise UserError(
            f"data.folds = {folds} cannot hold a fold of {len(samples)} labelled images aside; "
            f"give a number from 2 to {len(samples)}, or 0 to hold none aside."
        )
    waiting = sorted(samples, key=lambda sample: hashlib.sha256(sample.stem.encode()).digest())
    counts = Counter(tag for sample in samples for tag in sample.tags or ())
    room = {tag: count // folds for tag, count in counts.items()}
    size, held = len(samples) // folds, list[Sample]()
    # Last, whatever fits, and at least one image.
    for tag in [*sorted(counts, key=lambda tag: (counts[tag], tag)), None]:
        for sample in list(waiting):
            tags = sample.tags or frozenset()
            wanted = tag is None or (tag in tags and room[tag] > 0)
            if len(held) < size and wanted and all(room[other] > 0 for other in tags):
                held.append(sample)
                waiting.remove(sample)
                room.update({other: room[other] - 1 for other in tags})
    return {sample.stem for sample in held or waiting[:1]}
