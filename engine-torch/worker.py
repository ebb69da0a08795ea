"""The worker of the PyTorch engine: takes orders from Node.js over a link, computes, and answers. It decides nothing.

Started as `python -I worker.py`, or by `launch.py` in several processes. IOVQA_LINK is HOST:PORT, IOVQA_TOKEN proves who it is.
"""

import os
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from link import Closed, Link  # noqa: E402
from world import World, die_with_parent  # noqa: E402


# What is computed again and again: waiting between two of these is waiting for input.
COMPUTING = {"encode", "accumulate", "apply", "predict", "generate"}


class Worker:
    """Base models and what is attached to them, by number."""

    def __init__(self, link: Link, world: World):
        self.link = link
        self.world = world
        self.bases = {}
        self.attached = {}
        self.began: float | None = None
        self.unsent = None

    def handle(self, header: dict, tensors: list):
        """Does what a message asks for, and answers. Where a GPU still computes, the answer is kept until the work of the next message
        has been put behind it."""
        from batch import Coming

        spans = self._spans(header["op"])
        answer, parts = getattr(self, f"on_{header['op']}")(header, tensors) or ({}, [])
        coming = [Coming(part) for part in parts]
        self.finish()
        self.unsent = {"op": "done", "id": header["id"], **spans, **answer}, coming
        if self.world.device.type != "cuda" or not parts:
            self.finish()

    def finish(self):
        """Sends the answer that is left, once its numbers are there."""
        if self.unsent is None:
            return
        answer, coming = self.unsent
        self.unsent = None
        self.link.send(answer, [part.message() for part in coming])

    def _spans(self, op: str) -> dict:
        """Seconds since the computing message before this one, and how many of them it was waited for."""
        now, before = time.monotonic(), self.began
        self.began = now if op in COMPUTING else None
        if before is None or self.began is None:
            return {}
        return {"elapsed": now - before, "waited": self.link.waited}

    def on_open(self, header, tensors):
        from base import Base

        base = self.bases[header["model"]] = Base(self.world, header)
        return {"weights": base.weights.sample()}, []

    def on_encode(self, header, tensors):
        import torch

        base = self.bases[header["model"]]
        dtype = torch.bfloat16 if base.computes_in_bfloat16 else torch.float32
        with torch.no_grad(), base.autocast():
            return {}, [base.encode(header["pictures"], tensors).to(dtype)]

    def on_attach(self, header, tensors):
        from attached import Attached

        key = f"m{header['attached']}"
        attached = self.attached[header["attached"]] = Attached(self.bases[header["model"]], key, header)
        return {"notes": attached.notes()}, []

    def on_accumulate(self, header, tensors):
        self.attached[header["attached"]].accumulate(header, tensors)

    def on_apply(self, header, tensors):
        return self.attached[header["attached"]].apply(header["learningRate"]), []

    def on_predict(self, header, tensors):
        return {}, [self.attached[header["attached"]].predict(header, tensors)]

    def on_generate(self, header, tensors):
        return {"tokens": self.attached[header["attached"]].generate(header, tensors)}, []

    def on_read(self, header, tensors):
        """Some elements of a tensor of the state: large ones go in pieces. One process answers for all."""
        part = self.attached[header["attached"]].read(header["name"], header["start"], header["end"])
        return {}, [part.float()] if self.world.rank == 0 else []

    def on_load(self, header, tensors):
        self.attached[header["attached"]].load(header, tensors)

    def on_load_step(self, header, tensors):
        self.attached[header["attached"]].load_step(header["step"])

    def on_detach(self, header, tensors):
        self.attached.pop(header["attached"]).close()

    def on_close(self, header, tensors):
        del self.bases[header["model"]]

    def on_memory(self, header, tensors):
        return {"free": self.world.free()}, []


def describe(error: BaseException) -> dict:
    import torch

    # On the CPU, torch's allocator raises a plain RuntimeError.
    is_memory = isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)
    kind = "memory" if is_memory else "bug"
    lines = traceback.format_exception(error)
    return {"kind": kind, "message": f"{type(error).__name__}: {error}", "stack": "".join(lines)[-8000:]}


def print_to_file(rank: int):
    """What libraries print goes to a file: standard output and error of all ranks in one would be a muddle."""
    log = os.open(os.path.join(os.environ["IOVQA_LOGS"], f"worker-{rank}.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)


def main():
    die_with_parent()
    rank = int(os.environ.get("RANK", "0"))
    print_to_file(rank)
    # A terminal's Ctrl-C is Node's business, which leaves a checkpoint first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    link = Link(os.environ["IOVQA_LINK"], os.environ.pop("IOVQA_TOKEN"), rank)
    link.beat()
    link.read_ahead()
    try:
        import peft
        import torch
        import transformers

        torch.set_num_threads(int(os.environ["IOVQA_THREADS"]))
        transformers.logging.set_verbosity_error()
        world = World(os.environ["IOVQA_DEVICE"])
        versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
        link.send({"op": "ready", "versions": versions, "size": world.size, "device": str(world.device)})
        worker = Worker(link, world)
        while True:
            if not link.has_next():
                worker.finish()
            header, tensors = link.receive()
            try:
                worker.handle(header, tensors)
            except Exception as error:
                failure = describe(error)
            else:
                continue
            # The error is gone, and with it what its frames held.
            if failure["kind"] == "memory":
                world.release()
            link.send({"op": "failed", "id": header["id"], **failure})
    except (Closed, BrokenPipeError):
        # Whatever still runs in other threads: there is nobody left to compute for.
        os._exit(0)


if __name__ == "__main__":
    main()
