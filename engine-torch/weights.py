"""Reads weights from safetensors files by the places that Node.js found: mapped, and only the rows that are asked for."""

import math
import os

import torch

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Weights:
    """The weights of a model by canonical name."""

    def __init__(self, table: dict[str, dict]):
        self._table = table
        self._files: dict[str, torch.Tensor] = {}

    def __iter__(self):
        return iter(self._table)

    def read(self, name: str, first: int = 0, count: int | None = None) -> torch.Tensor:
        """Some rows of a weight, all of them by default; in the file's dtype, mapped from the file where that is possible."""
        place = self._table[name]
        dtype, shape = DTYPES[place["dtype"]], list(place["shape"])
        if count is not None:
            shape[0] = count
        row = math.prod(shape[1:]) * dtype.itemsize
        start = place["offset"] + first * row
        size = shape[0] * row
        data = self._mapped(place["file"])[start : start + size]
        # An offset that is no multiple of the element's size cannot be viewed.
        if data.storage_offset() % dtype.itemsize != 0:
            data = data.clone()
        return data.view(dtype).view(shape)

    def _mapped(self, file: str) -> torch.Tensor:
        if file not in self._files:
            self._files[file] = torch.from_file(file, shared=False, size=os.path.getsize(file), dtype=torch.uint8)
        return self._files[file]
