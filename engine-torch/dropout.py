"""Dropout whose mask is a pure function of seed, epoch, sample, position, module and channel: that of the project's own graph."""

import contextlib
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


def row_numbers(keys: torch.Tensor, module: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The two numbers of each row from which the hashes of its channels are made, int32 [N, 1]; the first is half of all numbers
    further, which makes an unsigned comparison of hashes a signed one. keys: int64 [N]; module: hash of its name."""
    r = mix(keys ^ module)
    k = as_int32(mix(r ^ 0x9E3779B9))
    return as_int32((r + 2**31) & MASK)[:, None], k[:, None]


def keep_mask(numbers: tuple[torch.Tensor, torch.Tensor], width: int, rate: float, dtype: torch.dtype) -> torch.Tensor:
    """Which values are kept, `drop` of src/model/families/shared/layers.ts: 1 for these and 0 for the others, [N, width]."""
    r, k = numbers
    hashed = (k * channel_numbers(width, k.device)).add_(r)
    # On CPUs products of numbers are several times as fast as masks of truth values.
    return torch.gt(hashed, last_dropped(rate) - 2**31, out=torch.empty(hashed.shape, dtype=dtype, device=k.device))


def kernel_of(device: torch.device):
    """The kernel that drops in one pass, if the device has one and it gives the same mask; else None."""
    return _checked_kernel(device)[0]


def kernel_trouble(device: torch.device) -> str | None:
    """Why a GPU does without the kernel, in words for the user; None where it does not, and on other devices."""
    return _checked_kernel(device)[1]


@functools.cache
def _checked_kernel(device: torch.device):
    if device.type != "cuda":
        return None, None
    try:
        from dropout_kernel import drop

        # Rows and channels that are no multiple of what a program of the kernel takes.
        keys = row_keys([0, 1, MASK], 11, device)
        ones = torch.ones((len(keys), 1100), device=device)
        for module in (0, hash_key(1), MASK):
            got = drop(ones, keys, module, channel_numbers(1100, device), last_dropped(0.1), None)
            if not torch.equal(got, keep_mask(row_numbers(keys, module), 1100, 0.1, torch.float32)):
                raise ValueError("its mask is another one")
        return drop, None
    except Exception as error:  # a compiler that is missing or fails: slower, and the same
        return None, f"dropout takes several passes instead of one kernel: {type(error).__name__}: {error}"


class Dropped:
    """What is dropped of a module's input of N rows. What is kept is not scaled: whoever multiplies with it does that. Masks are computed
    where they are needed, and not kept."""

    def __init__(self, keys: torch.Tensor, module: int, rate: float):
        self.keys, self.module, self.rate = keys, module, rate
        self.numbers = None if kernel_of(keys.device) else row_numbers(keys, module)

    def mask(self, x: torch.Tensor) -> torch.Tensor | None:
        """For `apply` on tensors like x [N, C]; None where a kernel does it all."""
        return None if self.numbers is None else keep_mask(self.numbers, x.shape[1], self.rate, x.dtype)

    def apply(self, x: torch.Tensor, mask: torch.Tensor | None, onto: torch.Tensor | None = None) -> torch.Tensor:
        """What is left of x [N, C]; added to `onto`, if that is given, which is overwritten."""
        if mask is None:
            kernel = kernel_of(x.device)
            return kernel(x, self.keys, self.module, channel_numbers(x.shape[1], x.device), last_dropped(self.rate), onto)
        return x * mask if onto is None else onto.addcmul_(x, mask)


class HashDropout(torch.nn.Module):
    """Stands where PEFT has nn.Dropout: which module it is, and at which rate. `rows` holds the keys of the batch's rows, int64 [N]; None:
    nothing is dropped."""

    rows: torch.Tensor | None = None

    def __init__(self, module: str, rate: float):
        super().__init__()
        self.module = hash_key(*module.encode())
        self.rate = rate

    def now(self) -> Dropped | None:
        """What is dropped of the batch's rows."""
        return None if HashDropout.rows is None or self.rate == 0 else Dropped(HashDropout.rows, self.module, self.rate)


@contextlib.contextmanager
def only_rows(rows: torch.Tensor):
    """Modules inside see some of the batch's rows; rows: numbers of these."""
    keys = HashDropout.rows
    if keys is not None:
        HashDropout.rows = keys[rows]
    try:
        yield
    finally:
        HashDropout.rows = keys


def row_keys(keys: list[int], length: int, device: torch.device) -> torch.Tensor:
    """The key of each row: of the example, and where the row stands in it. int64 [B · length]"""
    example = torch.tensor(keys, dtype=torch.int64, device=device)[:, None]
    # hashKey(key, t), by hand: its first part is the same for all rows.
    first = mix((0x9E3779B9 * 0x85EBCA6B + example + 0x165667B1) & MASK)
    rows = torch.arange(length, dtype=torch.int64, device=device)[None, :]
    return mix((first * 0x85EBCA6B + rows + 0x165667B1) & MASK).flatten()
