"""Examples of a message as one batch: rows filled up to the longest, who sees whom, features at their places."""

from dataclasses import dataclass

import torch

ELEMENTS = {
    "u8": torch.uint8,
    "i32": torch.int32,
    "f32": torch.float32,
    "f16": torch.float16,
    "bf16": torch.bfloat16,
}


def tensor_of(part) -> torch.Tensor:
    """A tensor of a message; it shares the message's memory."""
    dtype, shape, data = part
    if len(data) == 0:
        return torch.empty(shape, dtype=ELEMENTS[dtype])
    return torch.frombuffer(data, dtype=ELEMENTS[dtype]).view(shape)


class Coming:
    """A tensor, float32 or bfloat16, on its way to a message. A GPU copies it behind what it computes now, and is not waited for."""

    def __init__(self, tensor: torch.Tensor):
        tensor = tensor.detach().contiguous()
        self._copied: torch.cuda.Event | None = None
        if tensor.device.type == "cuda":
            self._tensor = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._tensor.copy_(tensor, non_blocking=True)
            self._copied = torch.cuda.Event()
            self._copied.record()
        else:
            self._tensor = tensor.cpu()

    def message(self):
        """As a message takes it, once it is there."""
        if self._copied is not None:
            self._copied.synchronize()
        flat = self._tensor.reshape(-1).view(torch.uint8)
        dtype = "bf16" if self._tensor.dtype == torch.bfloat16 else "f32"
        return dtype, list(self._tensor.shape), memoryview(flat.numpy()) if flat.numel() > 0 else b""


def on_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor where it is computed with. A copy to a GPU from pinned memory does not wait for what the GPU computes."""
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@dataclass
class Batch:
    """B examples of at most T rows. Rows behind an example's own are filled up, and nobody's business."""

    tokens: torch.Tensor  # int64 [B, T]
    positions: torch.Tensor  # int64 [3, B, T]
    mask: torch.Tensor | None  # bool [B, 1, T, T]: who sees whom; None: every row all before it
    vision_rows: torch.Tensor  # int64 [M]: rows of the B·T that stand for vision
    features: torch.Tensor  # [M, C], in the order of these rows
    lengths: list[int]


def collate(examples: list[dict], tensors: list, device: torch.device, features_of) -> Batch:
    """features_of: gives [M, C] for an example, on the CPU or on the device."""
    rows = [tensor_of(tensors[example["rows"]]) for example in examples]
    lengths = [part.shape[1] for part in rows]
    count, length = len(rows), max(lengths)
    filled = torch.zeros((6, count, length), dtype=torch.int64)
    filled[4:] = -1
    for b, part in enumerate(rows):
        filled[:, b, : lengths[b]] = part
    slots, parents = filled[4], filled[5]
    vision_rows, features = [], []
    for b, example in enumerate(examples):
        places = (slots[b] >= 0).nonzero().squeeze(1)
        vision_rows.append(places + b * length)
        if places.numel() > 0:
            own = features_of(example)
            features.append(own[slots[b, places].to(own.device)])
    return Batch(
        tokens=on_device(filled[0], device),
        positions=on_device(filled[1:4], device),
        mask=seen(parents, device),
        vision_rows=on_device(torch.cat(vision_rows), device),
        features=on_device(torch.cat(features), device) if features else torch.empty(0, device=device),
        lengths=lengths,
    )


def seen(parents: torch.Tensor, device: torch.device) -> torch.Tensor | None:
    """attentionBias of src/model/families/shared/attention-bias.ts as a mask. Without branches rows see all before them, and what is
    filled up comes behind: no mask is needed, and the fastest attention can be used."""
    if not (parents >= 0).any():
        return None
    columns = torch.arange(parents.shape[1], device=device)
    # The rows that stand for each: itself, then its parent, until all stand in no branch. Of these all before are seen.
    above = torch.where(parents >= 0, parents, torch.arange(parents.shape[1])).to(device)
    row = columns.expand(parents.shape)
    mask = torch.zeros((*parents.shape, parents.shape[1]), dtype=torch.bool, device=device)
    for _ in range(depth_of(parents)):
        mask.scatter_(2, row[..., None], True)
        row = above.gather(1, row)
    return (mask | (columns <= row[..., None]))[:, None]


def depth_of(parents: torch.Tensor) -> int:
    """How many branches hang on each other at most."""
    depth, row = 0, torch.arange(parents.shape[1]).expand(parents.shape)
    while (on_branch := parents.gather(1, row) >= 0).any():
        row = torch.where(on_branch, parents.gather(1, row), row)
        depth += 1
    return depth
