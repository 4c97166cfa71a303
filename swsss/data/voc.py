"""PASCAL VOC 2012: tags from its annotations, and a tree with everything that the papers' splits need."""

from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

from swsss.data.classes import VOC_NAMES, ClassTable
from swsss.data.files import write_whole
from swsss.data.listing import list_images
from swsss.data.tags import write_tags
from swsss.data.voc_masks import augment, fetch
from swsss.errors import InputError, UserError

STRONG_COUNTS = (92, 183, 366, 732, 1464)
"""Sizes of the pixel-labelled subsets in the papers; each is the head of `train.txt`."""

PUBLISHED_TRAINAUG = 10582

_ARCHIVE = "VOCtrainval_11-May-2012.tar"


def read_annotation_tags(annotations: Path, classes: ClassTable, images: Sequence[str]) -> dict[str, frozenset[int]]:
    """Read tags from VOC annotation files: the classes of all objects, difficult ones included.

    Args:
        annotations: The folder `Annotations`; an image without a file there gets no row.
        classes: Classes the objects may have.
        images: Relative image paths with `/` and extension.

    Returns:
        Foreground class ids by image, as spelled in `images`.

    Raises:
        InputError: Files cannot be parsed or name unknown classes.
    """
    found: dict[str, frozenset[int]] = {}
    problems: list[str] = []
    for image in images if annotations.is_dir() else ():
        path = annotations / f"{image.rpartition('.')[0]}.xml"
        try:
            names = _object_names(path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, ElementTree.ParseError) as error:
            problems.append(f"{path} is no VOC annotation ({error}); unpack it again, or remove it.")
            continue
        unknown = sorted(names - classes.ids.keys())
        problems += [f"{path}: unknown class '{name}'; {classes.suggestion(name)}" for name in unknown]
        found[image] = frozenset(classes.ids[name] for name in names if name in classes.ids) - {0}
    if problems:
        raise InputError(problems)
    return found


def _object_names(path: Path) -> set[str]:
    # Safe without defusedxml: ElementTree loads no external entities, and expat bounds how far entities expand.
    tree = ElementTree.parse(path).getroot()  # noqa: S314
    if tree.tag != "annotation":
        raise ValueError(f"its root is <{tree.tag}>, not <annotation>")
    # Only direct children: the names of an object's parts (head, hand, foot) are no classes.
    return {(element.text or "").strip() for element in tree.iterfind("object/name")}


def prepare_voc(root: Path) -> list[str]:
    """Make a VOC tree complete: augmented masks, `trainaug.txt`, the `strong_N.txt` splits and `tags.csv`.

    An existing tree is used as it is, whatever is missing is downloaded, and files that exist are never changed, so
    a second run is quick.

    Args:
        root: A VOC tree, the folder that holds it, or where to download it to.

    Returns:
        Lines that say what is there now.

    Raises:
        UserError: A download failed (with what to do by hand), the tree is incomplete, or scipy is missing.
        InputError: Annotations are wrong.
    """
    tree = _complete_tree(root)
    lists = tree / "ImageSets" / "Segmentation"
    train, val = read_names(lists / "train.txt"), read_names(lists / "val.txt")
    images = list_images(tree / "JPEGImages")
    lines = [f"{tree}: {len(images)} images, {len(train)} in train, {len(val)} in val."]
    counts = [count for count in STRONG_COUNTS if count <= len(train)]
    lines += [_write_names(lists / f"strong_{count}.txt", train[:count]) for count in counts]
    lines.append(_write_tags(tree, images, {*train, *val}))
    extra, more = augment(root, tree, train, val)
    lines += [*more, _write_names(lists / "trainaug.txt", train + extra)]
    if len(train) + len(extra) != PUBLISHED_TRAINAUG:
        lines.append(f"The published trainaug list has {PUBLISHED_TRAINAUG} names, this one {len(train) + len(extra)}.")
    return lines


def read_names(path: Path) -> list[str]:
    """Names of a VOC list, one per line, in its order."""
    return path.read_text(encoding="utf-8").split()


def _complete_tree(root: Path) -> Path:
    tree = _find_tree(root)
    # An archive beside an incomplete tree means that unpacking was interrupted.
    if tree is None or (_missing(tree) and (root / _ARCHIVE).is_file()):
        fetch("VOC 2012", _download(root), _by_hand(root))
        tree = _find_tree(root)
    missing = _missing(tree) if tree else ["JPEGImages"]
    if missing:
        more = f" and {len(missing) - 1} more files" if len(missing) > 1 else ""
        raise UserError(f"The VOC tree in {tree or root} lacks {missing[0]}{more}. {_by_hand(root)}")
    return tree or root


def _find_tree(root: Path) -> Path | None:
    candidates = (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012")
    return next((tree for tree in candidates if (tree / "JPEGImages").is_dir()), None)


def _missing(tree: Path) -> list[str]:
    lists = [tree / "ImageSets" / "Segmentation" / f"{name}.txt" for name in ("train", "val")]
    lost = [path.relative_to(tree).as_posix() for path in lists if not path.is_file()]
    if lost:
        return lost
    names = [name for path in lists for name in read_names(path)]
    images = {path.stem for path in (tree / "JPEGImages").glob("*.jpg")}
    masks = {path.stem for part in ("", "Aug") for path in (tree / f"SegmentationClass{part}").glob("*.png")}
    lost = [f"JPEGImages/{name}.jpg" for name in names if name not in images]
    return lost + [f"SegmentationClass/{name}.png" for name in names if name not in masks]


def _download(root: Path) -> Callable[[], object]:
    def download() -> object:
        from torchvision.datasets import VOCSegmentation  # noqa: PLC0415 - seconds to import, rarely needed

        return VOCSegmentation(str(root), year="2012", image_set="trainval", download=True)

    return download


def _by_hand(root: Path) -> str:
    return (
        f"Download {_ARCHIVE} from the PASCAL VOC 2012 site by hand, put it into {root} (or unpack it there: "
        "an existing VOCdevkit/VOC2012 is used as it is), and run the command again."
    )


def _write_names(path: Path, names: Sequence[str]) -> str:
    if not path.is_file():
        write_whole(path, "".join(f"{name}\n" for name in names).encode())
        return f"{path}: {len(names)} names, written."
    if read_names(path) == list(names):
        return f"{path}: {len(names)} names."
    return f"{path} was there with other names and is left as it is; delete it to have the published split written."


def _write_tags(tree: Path, images: Sequence[str], pixel_labelled: set[str]) -> str:
    path = tree / "tags.csv"
    if path.is_file():
        return f"{path} was there and is left as it is."
    main = tree / "ImageSets" / "Main" / "trainval.txt"
    if main.is_file():
        # The others are action images, in which people are annotated and everything else is not.
        wanted = pixel_labelled | set(read_names(main))
        images = [image for image in images if image.rpartition(".")[0] in wanted]
    tags = read_annotation_tags(tree / "Annotations", ClassTable(tuple(VOC_NAMES)), images)
    if not tags:
        return f"{tree / 'Annotations'} is missing, so no tags.csv was written."
    write_tags(path, [(image, [VOC_NAMES[tag] for tag in sorted(ids)]) for image, ids in tags.items()])
    return f"{path}: {len(tags)} images, written."
