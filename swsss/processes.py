"""Which of several processes talks to the user."""

import os
import sys


def is_first_process() -> bool:
    """Whether this is the process that talks to the user, also before and without Fabric."""
    # Whoever has not loaded torch need not, to be told that it is alone: that takes seconds.
    torch = sys.modules.get("torch")
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        return int(torch.distributed.get_rank()) == 0
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0
