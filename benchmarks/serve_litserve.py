"""LitServe with the same model, for benchmarks/serve.py to compare with; runs under a Python that has litserve.

    LITSERVE/bin/python benchmarks/serve_litserve.py --model model.onnx --port 8001

One worker, whose session takes every core, and LitServe's own settings for all else. Its batches stay at one image:
photos come in many sizes, and on a CPU one image fills all cores.
"""

import argparse
from pathlib import Path
from typing import Annotated, Any

import litserve
from fastapi import Depends, Query, Request, Response
from serve_peers import Model


async def read_order(request: Request, tags: Annotated[list[str], Query()]) -> dict[str, Any]:
    """What a worker is sent: LitServe itself reads JSON and forms only."""
    return {"image": await request.body(), "tags": tags}


class Labeller(litserve.LitAPI):
    """The model in a worker process."""

    def __init__(self, path: Path) -> None:
        super().__init__(api_path="/v1/label")
        self.path = path

    def setup(self, device: str) -> None:
        """Load the model."""
        self.model = Model(self.path)

    def decode_request(self, request: Annotated[dict[str, Any], Depends(read_order)]) -> dict[str, Any]:
        """Nothing to do: `predict` decodes."""
        return request

    def predict(self, order: dict[str, Any]) -> bytes:
        """The mask of an order as a PNG."""
        return self.model.label(order["image"], order["tags"])

    def encode_response(self, output: bytes) -> Response:
        """The mask as an answer."""
        return Response(output, media_type="image/png")


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    server = litserve.LitServer(Labeller(options.model), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=options.port, generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
