"""Reads weights from safetensors files by the places that Node.js found: mapped, and only the rows that are asked for."""

import hashlib
import math
import mmap

import torch

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Weights:
    """The weights of a model by canonical name."""

    def __init__(self, table: dict[str, dict]):
        self._table = table

    def __iter__(self):
        return iter(self._table)

    def read(self, name: str, first: int = 0, count: int | None = None) -> torch.Tensor:
        """Some rows of a weight, all of them by default; in the file's dtype, mapped from the file."""
        place = self._table[name]
        dtype, shape = DTYPES[place["dtype"]], list(place["shape"])
        if count is not None:
            shape[0] = count
        row = math.prod(shape[1:]) * dtype.itemsize
        size = shape[0] * row
        if size == 0:
            return torch.empty(shape, dtype=dtype)
        start = place["offset"] + first * row
        # A map for each, which goes with the tensor: what a process has read of a mapped file counts as its memory.
        skipped = start % mmap.ALLOCATIONGRANULARITY
        with open(place["file"], "rb") as file:
            data = mmap.mmap(file.fileno(), skipped + size, access=mmap.ACCESS_COPY, offset=start - skipped)
        part = torch.frombuffer(data, dtype=torch.uint8, offset=skipped)
        # An offset that is no multiple of the element's size cannot be viewed.
        if skipped % dtype.itemsize != 0:
            part = part.clone()
        return part.view(dtype).view(shape)

    def sample(self) -> str:
        """A hash over the beginnings of all weights: machines whose files differ are found by it, for a few bytes of each."""
        found = hashlib.sha256()
        for name in sorted(self._table):
            with open(self._table[name]["file"], "rb") as file:
                file.seek(self._table[name]["offset"])
                found.update(file.read(1024))
        return found.hexdigest()
