"""The models that are loaded, by name; replaced while others use them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock

import structlog

from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.model.engine import Candidates, Device, Engine, self_test
from swsss.model.info import ModelInfo
from swsss.serve.memory import MemoryBudget
from swsss.serve.models import exported, open_engine
from swsss.serve.server.batcher import Batcher
from swsss.serve.server.metrics import Metrics
from swsss.serve.server.problems import not_found
from swsss.serve.server.settings import Settings
from swsss.serve.server.turns import Turns
from swsss.serve.settings import default_batch, default_lanes

_SUFFIXES = {".onnx", ".engine"}

log = structlog.get_logger()


@dataclass(frozen=True)
class Model:
    """A model that is ready. Whoever holds it can use it to the end, also when another has taken its name."""

    name: str
    engine: Engine
    batcher: Batcher
    turns: Turns

    @property
    def info(self) -> ModelInfo:
        """What its file says of itself."""
        return self.engine.info

    @property
    def on_gpu(self) -> bool:
        """Whether it computes in the memory of a GPU."""
        return self.engine.device == "cuda"

    @property
    def at_once(self) -> int:
        """Images of requests that it labels at a time, at the most."""
        return self.batcher.limit * default_lanes(self.engine)

    @property
    def for_jobs(self) -> Engine:
        """Its engine, which lets requests go first."""
        return _Patient(self.engine, self.turns)


@dataclass(frozen=True)
class _Patient:
    engine: Engine
    turns: Turns

    @property
    def info(self) -> ModelInfo:
        return self.engine.info

    @property
    def identity(self) -> str:
        return self.engine.identity

    @property
    def device(self) -> Device:
        return self.engine.device

    @property
    def reopen(self) -> tuple[str, str, int] | None:
        return self.engine.reopen

    @property
    def description(self) -> str:
        return self.engine.description

    def label(self, images: Pixels, candidates: Candidates) -> tuple[Pixels, Pixels]:
        with self.turns.job():
            return self.engine.label(images, candidates)


@dataclass
class Hub:
    """All models.

    Args:
        settings: Where they are and how they run.
        metrics: Told about every call of an engine.

    Attributes:
        budget: Memory that images may take together, in requests and jobs.
    """

    settings: Settings
    metrics: Metrics
    _ready: dict[str, Model] = field(default_factory=dict)
    _why_not: dict[str, str] = field(default_factory=dict)
    _loading: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.budget = MemoryBudget(self.settings.memory_bytes)

    @property
    def default(self) -> str:
        """The model of a request that names none."""
        return next(iter(self.settings.models), "") or next(iter(self._files()), "")

    def get(self, name: str | None = None) -> Model:
        """A model that is ready.

        Raises:
            Refused: There is none of that name.
        """
        wanted = name or self.default
        model = self._ready.get(wanted)
        if model is None:
            known = ", ".join(self._ready) or "none"
            raise not_found(f"There is no model '{wanted}'; loaded are: {known}.")
        return model

    def ready(self) -> Sequence[Model]:
        """All that are ready, the default first."""
        return [self._ready[name] for name in self._files() if name in self._ready]

    def index(self) -> Sequence[tuple[str, bool, str]]:
        """Every model there is a file for: its name, whether it is ready, and if not, why."""
        return [(name, name in self._ready, self._why_not.get(name, "not loaded")) for name in self._files()]

    def load(self, name: str) -> Model:
        """Load a model, or load it anew; who asks for it from now on gets the new one.

        Raises:
            UserError: There is no such file, or it is no use; a model of that name that was ready before stays.
        """
        path = self._files().get(name)
        if path is None:
            raise UserError(f"There is no model '{name}'; there are: {', '.join(self._files())}.")
        with self._loading:
            try:
                file = exported(path, None, log.info)
                engine = open_engine(file, self.settings.device, self.settings.threads)
                _check(engine, path)
            except UserError as error:
                self._why_not[name] = str(error)
                raise
            lanes = default_lanes(engine)
            turns = Turns(lanes)
            limit = self.settings.batch or default_batch(engine)
            wait = self.settings.batch_seconds if limit > 1 else 0.0
            batcher = Batcher(engine, turns, limit, wait, lanes, partial(self.metrics.call, name))
            self._ready[name] = Model(name, engine, batcher, turns)
        log.info("model loaded", model=name, engine=engine.description, identity=engine.identity[:16])
        return self._ready[name]

    def unload(self, name: str) -> None:
        """Take a model away; who uses it now still gets answers.

        Raises:
            UserError: It is not loaded.
        """
        if self._ready.pop(name, None) is None:
            raise UserError(f"The model '{name}' is not loaded.")
        self._why_not[name] = "unloaded"

    def _files(self) -> Mapping[str, Path]:
        files = dict(self.settings.models)
        if self.settings.folder is not None:
            for path in sorted(self.settings.folder.iterdir()):
                if path.suffix in _SUFFIXES:
                    files.setdefault(path.stem, path)
        return files


def _check(engine: Engine, path: Path) -> None:
    """Ask the engine once: the first call is the slowest, and an engine that fails then would fail always."""
    try:
        agrees = self_test(engine)
    except Exception as error:
        raise UserError(f"The model {path} does not run: {type(error).__name__}: {error}") from None
    if not agrees:
        log.warning("golden pair differs", model=str(path), hint="made on another kind of processor, or damaged")
