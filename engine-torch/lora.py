"""A linear layer with LoRA and dropout as one step of autograd: for the backward pass it keeps its input and the low rank, and no
product of a frozen weight is computed for anybody who wants no gradient."""

import torch
from peft.tuners import lora
from torch.nn.functional import linear

from dropout import Dropped


class LoraLinear(lora.Linear):
    """PEFT's layer, with at most one adapter active: y = x Wᵀ + b + scale · drop(x) Aᵀ Bᵀ."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        base = self.base_layer
        # The active one may have nothing on this module.
        name = next((name for name in self.active_adapters if name in self.lora_A), None)
        if name is None:
            return base(x)
        dropout = self.lora_dropout[name]
        dropped, scale = dropout.now(), self.scaling[name]
        if dropped is not None:
            scale /= 1 - dropout.rate
        return _Product.apply(x, base.weight, base.bias, self.lora_A[name].weight, self.lora_B[name].weight, scale, dropped)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, a, b, scale: float, dropped: Dropped | None):
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
        rows = x.reshape(-1, x.shape[-1]).to(dtype)
        low_a, low_b = a.to(dtype), b.to(dtype)
        kept = rows if dropped is None else dropped.apply(rows, dropped.mask(rows))
        low = (kept @ low_a.T).mul_(scale)
        y = linear(rows, weight, bias).addmm_(low, low_b.T)
        ctx.save_for_backward(rows, weight, a, b, low)
        ctx.scale, ctx.dropped, ctx.dtype = scale, dropped, x.dtype
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx, gradient):
        rows, weight, a, b, low = ctx.saved_tensors
        dropped = ctx.dropped
        g = gradient.reshape(-1, gradient.shape[-1])
        g_low = (g @ b.to(g.dtype)).mul_(ctx.scale)
        mask = None if dropped is None else dropped.mask(rows)
        kept = rows if dropped is None else dropped.apply(rows, mask)
        g_a, g_b = (g_low.T @ kept).to(a.dtype), (g.T @ low).to(b.dtype)
        if not ctx.needs_input_grad[0]:
            return None, None, None, g_a, g_b, None, None
        g_x, through = g @ weight, g_low @ a.to(g.dtype)
        g_x = g_x.add_(through) if dropped is None else dropped.apply(through, mask, g_x)
        return g_x.view(*gradient.shape[:-1], -1).to(ctx.dtype), None, None, g_a, g_b, None, None
