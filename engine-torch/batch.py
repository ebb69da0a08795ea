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


def message_of(tensor: torch.Tensor):
    """A tensor as a message takes it, as float32."""
    tensor = tensor.detach().to("cpu", torch.float32).contiguous()
    return "f32", list(tensor.shape), memoryview(tensor.numpy()).cast("B") if tensor.numel() > 0 else b""


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
    """features_of: gives [M, C] for an example."""
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
            features.append(features_of(example)[slots[b, places].to(device)])
    return Batch(
        tokens=filled[0].to(device),
        positions=filled[1:4].to(device),
        mask=seen(parents, device),
        vision_rows=torch.cat(vision_rows).to(device),
        features=torch.cat(features) if features else torch.empty(0, device=device),
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
