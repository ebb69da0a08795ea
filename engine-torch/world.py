"""The processes that compute together: which one this is, and what they add up."""

import ctypes
import gc
import os
import signal
import sys


def die_with_parent():
    """Ends this process when its parent ends, however that ends. Elsewhere than on Linux the end of the link does it."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)  # it ended before it was asked for


def return_what_is_freed():
    """Gives large tensors on the CPU back to the system as soon as they are freed. glibc keeps them otherwise, and finds no place for an
    aligned one where an equal one was: layers that are gathered one after the other would add up to the whole model."""
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(-3, 2**16)  # M_MMAP_THRESHOLD, which does not grow once it is set


class World:
    """This process among all. `device` is its own; collectives do nothing in a world of one."""

    def __init__(self, device: str):
        import torch

        self.rank = int(os.environ.get("RANK", "0"))
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        local = int(os.environ.get("LOCAL_RANK", "0"))
        self.device = torch.device(f"cuda:{local}" if device == "cuda" else device)
        self._queued = None
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        if self.size > 1:
            import torch.distributed as dist

            # gloo carries what is on the CPU in any case.
            backend = "cpu:gloo,cuda:nccl" if self.device.type == "cuda" else "gloo"
            dist.init_process_group(backend, device_id=self.device if self.device.type == "cuda" else None)

    def free(self) -> int | None:
        """Bytes that are free on a GPU; None elsewhere."""
        import torch

        if self.device.type != "cuda":
            return None
        self.release()
        return torch.cuda.mem_get_info()[0]

    def release(self):
        """Gives back what was freed, such as by a step that did not fit."""
        import torch

        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def let_one_wait(self):
        """Returns when the GPU is done with the micro-batch before this one: while it computes one, the next is made ready."""
        if self.device.type != "cuda":
            return
        import torch

        before, self._queued = self._queued, torch.cuda.Event()
        self._queued.record()
        if before is not None:
            before.synchronize()

    def add_up(self, tensors):
        """Replaces tensors of one dtype by their sums over all processes."""
        if self.size == 1:
            return
        import torch
        import torch.distributed as dist

        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        offset = 0
        for tensor in tensors:
            tensor.copy_(flat[offset : offset + tensor.numel()].view_as(tensor))
            offset += tensor.numel()
