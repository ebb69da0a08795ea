"""Dropout whose mask is a pure function of seed, epoch, sample, position, module and channel: that of the project's own graph."""

import functools

import torch

MASK = 0xFFFFFFFF


def mix(x):
    """mix32 of src/core/random.ts, on int64 tensors or integers that hold 32 bits."""
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & MASK
    x = ((x ^ (x >> 15)) * 0x846CA68B) & MASK
    return x ^ (x >> 16)


def hash_key(*parts):
    """hashKey of src/core/random.ts."""
    h = 0x9E3779B9
    for part in parts:
        h = mix((h * 0x85EBCA6B + part + 0x165667B1) & MASK)
    return h


@functools.cache
def channel_numbers(width: int, device: torch.device) -> torch.Tensor:
    """One well mixed number for each channel, int32."""
    return as_int32(mix(torch.arange(1, width + 1, dtype=torch.int64))).to(device)


@functools.cache
def last_dropped(rate: float) -> int:
    """The largest hash that is dropped. The graph compares hash and threshold as float32: which integers that drops, once and for all."""
    threshold = torch.tensor(round(rate * 2**32), dtype=torch.int64).to(torch.float32)
    low, high = 0, MASK
    while low < high:
        middle = (low + high + 1) // 2
        if torch.tensor(middle, dtype=torch.int64).to(torch.float32) <= threshold:
            low = middle
        else:
            high = middle - 1
    return low


def as_int32(x: torch.Tensor) -> torch.Tensor:
    """The 32 bits of an int64 as int32, which wraps around as they do."""
    return torch.where(x >= 2**31, x - 2**32, x).to(torch.int32)


def keep_mask(keys: torch.Tensor, module: int, width: int, rate: float) -> torch.Tensor:
    """Which values are kept: `drop` of src/model/families/shared/layers.ts.
    keys: int64 [B, T]; module: hash of its name; gives bool [B, T, width]."""
    r = mix(keys ^ module)
    k = as_int32(mix(r ^ 0x9E3779B9))
    # Half of all numbers further, an unsigned comparison is a signed one.
    r = as_int32((r + 2**31) & MASK)
    hashed = torch.addcmul(r[..., None], k[..., None], channel_numbers(width, keys.device))
    return hashed > last_dropped(rate) - 2**31


class HashDropout(torch.nn.Module):
    """Stands where PEFT has nn.Dropout. `rows` holds the keys of the batch's rows, int64 [B, T]; None: nothing is dropped."""

    rows: torch.Tensor | None = None

    def __init__(self, module: str, rate: float):
        super().__init__()
        self.module = hash_key(*module.encode())
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        keys = HashDropout.rows
        if keys is None or self.rate == 0:
            return x
        return x * keep_mask(keys, self.module, x.shape[-1], self.rate) * (1 / (1 - self.rate))


def row_keys(keys: list[int], length: int, device: torch.device) -> torch.Tensor:
    """The key of each row: of the example, and where the row stands in it. int64 [B, length]"""
    example = torch.tensor(keys, dtype=torch.int64, device=device)[:, None]
    # hashKey(key, t), by hand: its first part is the same for all rows.
    first = mix((0x9E3779B9 * 0x85EBCA6B + example + 0x165667B1) & MASK)
    rows = torch.arange(length, dtype=torch.int64, device=device)[None, :]
    return mix((first * 0x85EBCA6B + rows + 0x165667B1) & MASK)
