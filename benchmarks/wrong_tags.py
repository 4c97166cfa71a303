"""What wrong tags cost: mIoU of labels when a share of the images has a wrong tag, with tags as law and as a hint.

    python benchmarks/wrong_tags.py runs/first --data DATA --split val --out wrong_tags
    python benchmarks/wrong_tags.py net.safetensors --data DATA --share 0 --share 10 --penalty 0 --penalty 5

An image with wrong tags has one: a true tag taken away (removed), a class added that it does not hold (added), or both
at once (swapped). Which images and which tags is drawn; the images wrong at 5 % are among those wrong at 10 %. The net
sees each image once, and every setting is scored from these scores. The table goes to OUT.md and, with every class and
every draw, to OUT.json.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import click
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from swsss.data.classes import ClassTable
from swsss.data.dataset import Sample, open_dataset, read_sample
from swsss.data.files import write_whole
from swsss.evaluation import Metrics, confusion_matrix, given_tags
from swsss.export.source import load_source
from swsss.inputs import prepare_evaluation
from swsss.predict import Predictor, weigh
from swsss.threads import DEPTH, THREADS, ahead

Kind = Literal["removed", "added", "swapped"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Tags = frozenset[int]


@dataclass(frozen=True)
class Result:
    """Scores of one setting.

    Args:
        kind: What is wrong with wrong tags.
        share: Of the images, 0..1, whose tags are wrong.
        penalty: Logits taken off the classes that tags exclude; 0 where tags are law.
        draws: Scores of each draw of images and tags.
    """

    kind: Kind
    share: float
    penalty: float
    draws: tuple[Metrics, ...]

    @property
    def miou(self) -> float:
        """Mean over the draws, 0..1."""
        return float(np.mean([draw.miou for draw in self.draws]))

    @property
    def spread(self) -> float:
        """Standard deviation over the draws."""
        return float(np.std([draw.miou for draw in self.draws]))

    def to_json(self, classes: ClassTable) -> dict[str, object]:
        """JSON values, scores in 0..1."""
        draws = [draw.to_json(classes) for draw in self.draws]
        setting = {"wrong": self.kind, "share": self.share, "penalty": self.penalty}
        return {**setting, "miou": self.miou, "spread": self.spread, "draws": draws}


def wrong_tags(
    tags: Sequence[Tags], num_classes: int, kind: Kind, share: float, seed: Sequence[int]
) -> dict[int, Tags]:
    """Draw images and make their tags wrong.

    Args:
        tags: True foreground ids of every image.
        num_classes: Background included.
        kind: What to do to an image's tags.
        share: Of the images, 0..1; fewer when fewer have a tag to lose or a class to gain.
        seed: Equal seeds draw alike; a larger share then holds what a smaller one does.

    Returns:
        Wrong tags by the place of their image, in the order in which images were drawn.
    """
    draw = np.random.default_rng(seed)
    wrong: dict[int, Tags] = {}
    for index in draw.permutation(len(tags)).tolist():
        true = tags[index]
        lost = draw.permutation(sorted(true)).tolist()[:1] if kind != "added" else []
        absent = sorted(set(range(1, num_classes)) - true)
        gained = draw.permutation(absent).tolist()[:1] if kind != "removed" else []
        if len(wrong) == round(share * len(tags)):
            break
        if len(lost) == (kind != "added") and len(gained) == (kind != "removed"):
            wrong[index] = true - set(lost) | set(gained)
    return wrong


def score_wrong_tags(
    predictor: Predictor,
    samples: Sequence[Sample],
    classes: ClassTable,
    shares: Sequence[float],
    penalties: Sequence[float],
    *,
    seed: int = 0,
    draws: int = 5,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[list[Result], Metrics]:
    """Score labels under wrong tags, the net seeing every image once.

    Args:
        predictor: Its nets know exactly `classes`.
        samples: Each with a mask and with true tags.
        classes: Of nets and masks.
        shares: Of the images, 0..1, whose tags are wrong.
        penalties: What tags weigh, 0 for law.
        seed: Of all draws.
        draws: How often images and tags are drawn.
        progress: Called with images done and in all.

    Returns:
        The scores of every kind, penalty and share, in this order; and those without tags.
    """
    count = len(classes)
    tags = [sample.tags or frozenset() for sample in samples]
    wrong = [
        [wrong_tags(tags, count, kind, max(shares), (seed, draw, place)) for draw in range(draws)]
        for place, kind in enumerate(KINDS)
    ]
    ranks = [[{index: rank for rank, index in enumerate(drawn)} for drawn in of_kind] for of_kind in wrong]
    totals = np.zeros((len(KINDS), draws, len(penalties), len(shares), count, count), np.int64)
    without = np.zeros((count, count), np.int64)
    limits = np.array([round(share * len(samples)) for share in shares])
    with ahead(read_sample, samples, THREADS, DEPTH) as pairs:
        for index, (image, mask) in enumerate(pairs):
            labels = _Labels(predictor.scores(image, None)[0], torch.from_numpy(mask).to(predictor.device), penalties)
            without += labels.without_tags()
            right = labels.confusion(tags[index])
            totals += right[:, None]
            for place in np.ndindex(len(KINDS), draws):
                drawn = wrong[place[0]][place[1]]
                if index in drawn:
                    change = labels.confusion(drawn[index]) - right
                    totals[place][:, limits > ranks[place[0]][place[1]][index]] += change[:, None]
            progress(index + 1, len(samples))
    results = [
        Result(
            kind, share, penalty, tuple(Metrics(given_tags(penalty), one, len(samples)) for one in totals[k, :, p, s])
        )
        for k, kind in enumerate(KINDS)
        for p, penalty in enumerate(penalties)
        for s, share in enumerate(shares)
    ]
    return results, Metrics("none", without, len(samples))


class _Labels:
    """Confusions of one image's labels under any tags, each made once.

    Args:
        scores: float32 [C, H, W], of all classes.
        truth: uint8 [H, W].
        penalties: What tags weigh.
    """

    def __init__(self, scores: Tensor, truth: Tensor, penalties: Sequence[float]) -> None:
        self._scores, self._truth, self._penalties = scores, truth, penalties
        self._known: dict[Tags, npt.NDArray[np.int64]] = {}

    def confusion(self, tags: Tags) -> npt.NDArray[np.int64]:
        """int64 [penalties, C, C]."""
        if tags not in self._known:
            weighed = (weigh(self._scores, tags, penalty) for penalty in self._penalties)
            self._known[tags] = np.stack([self._counted(scores) for scores in weighed])
        return self._known[tags]

    def without_tags(self) -> npt.NDArray[np.int64]:
        """int64 [C, C]."""
        return self._counted(self._scores)

    def _counted(self, scores: Tensor) -> npt.NDArray[np.int64]:
        return confusion_matrix(self._truth, scores.argmax(0), len(scores)).cpu().numpy()


def table(results: Sequence[Result], without: Metrics, about: str) -> str:
    """The scores in percent as markdown: a line a kind and penalty, a column a share."""
    shares = list(dict.fromkeys(result.share for result in results))
    head = ["wrong tags are", "tags", *(f"{100 * share:g} % wrong" for share in shares)]
    lines = [head, ["---"] * 2 + ["---:"] * len(shares)]
    for start in range(0, len(results), len(shares)):
        row = results[start : start + len(shares)]
        cells = [f"{100 * one.miou:.1f}" + (f" ± {100 * one.spread:.1f}" if one.share else "") for one in row]
        lines.append([row[0].kind, f"tags={given_tags(row[0].penalty)}", *cells])
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{about}; without tags: {100 * without.miou:.1f}, tags=none\n\n{text}\n"


@click.command(help=__doc__.splitlines()[0])
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--split", default="val", show_default=True, help="Its images need masks.")
@click.option("--share", "percents", multiple=True, default=[0, 5, 10, 20], type=click.FloatRange(0, 100))
@click.option("--penalty", "penalties", multiple=True, default=[0, 2, 4, 8], type=click.FloatRange(0, 1000))
@click.option("--draws", default=5, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write OUT.md and OUT.json.")
def main(
    model: Path,
    data: Path,
    split: str,
    percents: Sequence[float],
    penalties: Sequence[float],
    draws: int,
    seed: int,
    out: Path | None,
) -> None:
    """Score MODEL, a checkpoint or run folder (with its test-time augmentation), and print the table."""
    source, dataset = load_source(model), open_dataset(data)
    if source.classes != dataset.classes:
        raise click.UsageError(f"{model} and {data} have different classes.")
    samples, shares = prepare_evaluation(dataset, split).val, [percent / 100 for percent in percents]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    predictor = Predictor([net.to(device) for net in source.nets], device, tta=source.tta)
    results, without = score_wrong_tags(predictor, samples, source.classes, shares, penalties, seed=seed, draws=draws)
    about = f"{source.name}, {len(samples)} images of {split}, TTA {source.tta}, {draws} draws, seed {seed}"
    text = table(results, without, f"mIoU in percent of {about}")
    click.echo(text)
    if out is not None:
        write_whole(out.with_name(f"{out.name}.md"), text.encode())
        scores = [one.to_json(source.classes) for one in results]
        values = {"about": about, "without_tags": without.to_json(source.classes), "results": scores}
        write_whole(out.with_name(f"{out.name}.json"), json.dumps(values, indent=1).encode())


if __name__ == "__main__":
    main()
