"""Labelling servers as one would write them at first: FastAPI around the session. benchmarks/serve.py starts them.

    python benchmarks/serve_peers.py async --model model.onnx --port 8001
    python benchmarks/serve_peers.py threads --model model.onnx --port 8001

"async" labels in an `async def` endpoint, so that requests wait for one another; "threads" in a `def` endpoint, which
FastAPI runs in its 40 threads. They answer what `swsss-serve` answers: image bytes in, tags in the query, PNG out.
Nothing of swsss is imported: a peer owes its speed to nobody here. benchmarks/serve_litserve.py shares the model.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import onnxruntime
import uvicorn
from fastapi import Body, FastAPI, Query, Response


class Model:
    """A model file in ONNX Runtime, with the settings of a careful user, which are those of `swsss-label`."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.enable_mem_pattern = False
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = json.loads(self.session.get_modelmeta().custom_metadata_map["swsss"])["classes"]
        self.ids = {name: index for index, name in enumerate(names)}

    def label(self, image: bytes, tags: list[str]) -> bytes:
        """The mask of an image file as a grey PNG of class ids; the background is always allowed."""
        pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR_RGB)
        candidates = np.array([[0, *sorted(self.ids[tag] for tag in tags)]])
        (mask,) = self.session.run(["mask"], {"image": pixels[None], "candidates": candidates})
        return cv2.imencode(".png", mask[0])[1].tobytes()


def application(kind: str, path: Path) -> FastAPI:
    """A server with one endpoint."""
    app, model = FastAPI(), Model(path)

    async def label_in_loop(image: Annotated[bytes, Body()], tags: Annotated[list[str], Query()]) -> Response:
        return Response(model.label(image, tags), media_type="image/png")

    def label_in_thread(image: Annotated[bytes, Body()], tags: Annotated[list[str], Query()]) -> Response:
        return Response(model.label(image, tags), media_type="image/png")

    app.post("/v1/label")({"async": label_in_loop, "threads": label_in_thread}[kind])
    return app


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["async", "threads"])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    uvicorn.run(application(options.kind, options.model), host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
