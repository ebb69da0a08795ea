"""The dropout of dropout.py as a kernel for NVIDIA GPUs: the mask is computed where it is used, from a key a row, and is never stored."""

import torch
import triton
import triton.language as tl

BLOCK = 1024


@triton.jit
def mix(x):
    x = (x ^ (x >> 16)) * tl.full((), 0x7FEB352D, tl.uint32)
    x = (x ^ (x >> 15)) * tl.full((), 0x846CA68B, tl.uint32)
    return x ^ (x >> 16)


@triton.jit(do_not_specialize=["module", "limit"])
def drop_kernel(x, keys, channels, onto, out, module, limit, width, ADDS: tl.constexpr, SIZE: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * SIZE + tl.arange(0, SIZE)
    inside = column < width
    r = mix(tl.load(keys + row).to(tl.uint32) ^ module.to(tl.uint32, bitcast=True))
    k = mix(r ^ tl.full((), 0x9E3779B9, tl.uint32))
    c = tl.load(channels + column, mask=inside, other=0).to(tl.uint32, bitcast=True)
    at = row * width + column
    value = tl.load(x + at, mask=inside, other=0.0)
    value = tl.where(r + k * c > limit.to(tl.uint32, bitcast=True), value, 0.0)
    if ADDS:
        value += tl.load(onto + at, mask=inside, other=0.0)
    tl.store(out + at, value, mask=inside)


def drop(x, keys, module: int, channels, limit: int, onto):
    """x, onto: [N, C]; keys: int64 [N]; channels: int32 [C]; limit: the largest hash that is dropped."""
    x = x.contiguous()
    out = torch.empty_like(x) if onto is None else onto
    rows, width = x.shape
    grid = (rows, triton.cdiv(width, BLOCK))
    drop_kernel[grid](
        x, keys, channels, out, out, signed(module), signed(limit), width, ADDS=onto is not None, SIZE=BLOCK
    )
    return out


def signed(x: int) -> int:
    """The 32 bits of x as a signed integer: one type of argument for all."""
    return x - 2**32 if x >= 2**31 else x
