"""`SegmentationClassAug`: VOC's own masks, and those of the Semantic Boundaries Dataset (SBD) for 9118 more images."""

import http.client
import importlib.util
import tarfile
import zlib
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from swsss.data.files import write_whole
from swsss.data.images import Pixels
from swsss.data.png import write_mask
from swsss.errors import UserError

_ARCHIVE = "benchmark.tgz"
_DOWNLOAD_ERRORS = (
    OSError,
    RuntimeError,
    ValueError,
    EOFError,
    tarfile.TarError,
    zlib.error,
    http.client.HTTPException,
)


def fetch(what: str, download: Callable[[], object], by_hand: str) -> None:
    """Run a download; whatever goes wrong becomes a `UserError` that says what to do by hand."""
    try:
        download()
    except _DOWNLOAD_ERRORS as error:
        raise UserError(f"{what} could not be downloaded ({error}). {by_hand}") from None


def augment(root: Path, tree: Path, train: Sequence[str], val: Sequence[str]) -> tuple[list[str], list[str]]:
    """Fill `SegmentationClassAug`; masks that are there already are left alone.

    Args:
        root: Where `sbd/` is or is downloaded to.
        tree: A complete VOC tree.
        train: Names of VOC train, kept as they are.
        val: Names of VOC val, kept as they are.

    Returns:
        Sorted names that have a mask and are in neither list, and lines that say what is there now.

    Raises:
        UserError: SBD is needed and cannot be downloaded or read.
    """
    folder = tree / "SegmentationClassAug"
    there = {path.stem for path in folder.glob("*.png")}
    own = {*train, *val}
    sbd = _find_sbd(root)
    if sbd is None and not there - own:
        sbd = _download_sbd(root)
    images = {path.stem for path in (tree / "JPEGImages").glob("*.jpg")}
    known = _sbd_names(sbd) if sbd else there
    extra = sorted((known - own) & images)
    jobs = [(_copy, tree / "SegmentationClass" / f"{name}.png", folder) for name in own - there]
    jobs += [(_convert, sbd / "cls" / f"{name}.mat", folder) for name in extra if sbd and name not in there]
    if any(write is _convert for write, _, _ in jobs):
        need_scipy()
    _run(jobs)
    lines = [f"{folder}: {len(own) + len(extra)} masks, {len(jobs)} of them written now."]
    if lost := len(known - own - images):
        lines.append(f"{lost} images with masks are not in JPEGImages and were left out.")
    return extra, lines


def need_scipy() -> None:
    """Make sure that SBD's files can be read.

    Raises:
        UserError: scipy is not installed.
    """
    if importlib.util.find_spec("scipy") is None:
        raise UserError('SBD masks are Matlab files, which need scipy: pip install "swsss[voc]"')


def _run(jobs: Collection[tuple[Callable[[Path, Path], None], Path, Path]]) -> None:
    # Threads, because most of the time goes into waiting for each file to be safely on disk.
    with ThreadPoolExecutor(4) as executor:
        futures = [executor.submit(write, source, folder) for write, source, folder in jobs]
        try:
            for future in futures:
                future.result()
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise


def _copy(source: Path, folder: Path) -> None:
    write_whole(folder / source.name, source.read_bytes())


def _convert(source: Path, folder: Path) -> None:
    write_mask(folder / f"{source.stem}.png", _read_sbd_mask(source))


def _read_sbd_mask(path: Path) -> Pixels:
    from scipy.io import loadmat  # noqa: PLC0415 - an optional extra

    try:
        return np.asarray(loadmat(path)["GTcls"][0]["Segmentation"][0], np.uint8)
    except Exception as error:  # scipy raises nearly anything when a file is damaged
        raise UserError(f"{path} cannot be read ({error}); unpack {_ARCHIVE} again.") from None


def _find_sbd(root: Path) -> Path | None:
    sbd = root / "sbd"
    places = (sbd, sbd / "benchmark_RELEASE" / "dataset", root / "benchmark_RELEASE" / "dataset")
    return next((place for place in places if not _lost(place)), None)


def _lost(place: Path) -> list[str]:
    """Tell what of SBD is not in `place`: an interrupted download or unpacking leaves a part."""
    lists = [name for name in ("train.txt", "val.txt") if not (place / name).is_file()]
    if lists:
        return lists
    masks = {path.stem for path in (place / "cls").glob("*.mat")}
    return sorted(f"cls/{name}.mat" for name in _sbd_names(place) - masks)


def _sbd_names(place: Path) -> set[str]:
    return {name for part in ("train.txt", "val.txt") for name in (place / part).read_text(encoding="utf-8").split()}


def _download_sbd(root: Path) -> Path:
    need_scipy()
    sbd = root / "sbd"
    by_hand = (
        f"Download {_ARCHIVE} from the SBD (Semantic Boundaries Dataset) site by hand, put it into {sbd} (or unpack it "
        "there), and run the command again; a SegmentationClassAug folder beside SegmentationClass does as well."
    )
    if any((sbd / part).exists() for part in ("cls", "img", "inst")):
        # torchvision moves these into place and would stumble over what an interrupted run left.
        raise UserError(
            f"{sbd} holds only a part of SBD ({_lost(sbd)[0]} is missing); delete everything in it except {_ARCHIVE} "
            "and run the command again."
        )

    def download() -> object:
        from torchvision.datasets import SBDataset  # noqa: PLC0415 - seconds to import, rarely needed

        # Not "train_noval": its list comes from a server that has been gone since 2024 (pytorch/vision issue 8471).
        return SBDataset(str(sbd), image_set="train", mode="segmentation", download=True)

    fetch("SBD", download, by_hand)
    return sbd
