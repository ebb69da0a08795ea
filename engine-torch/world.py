"""The processes that compute together: which one this is, and what they add up."""

import ctypes
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


class World:
    """This process among all. `device` is its own; collectives do nothing in a world of one."""

    def __init__(self, device: str):
        import torch

        self.rank = int(os.environ.get("RANK", "0"))
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        local = int(os.environ.get("LOCAL_RANK", "0"))
        self.device = torch.device(f"cuda:{local}" if device == "cuda" else device)
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        if self.size > 1:
            import torch.distributed as dist

            # gloo carries what is on the CPU in any case.
            backend = "cpu:gloo,cuda:nccl" if self.device.type == "cuda" else "gloo"
            dist.init_process_group(backend, device_id=self.device if self.device.type == "cuda" else None)

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
