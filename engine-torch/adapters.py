"""LoRA by PEFT on the text model: several adapters by name, one active at a time."""

import re

import peft
import torch
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer

from dropout import HashDropout
from lora import LoraLinear


def attach(text: torch.nn.Module, name: str, lora: dict, shapes: dict[str, list[int]], device) -> dict[str, torch.nn.Parameter]:
    """Puts an adapter of zeros on the modules that its tensors are named after, in float32.
    shapes: of `MODULE.lora_A.weight` and `MODULE.lora_B.weight`; gives the parameters by these names, in this order."""
    modules = {key.rsplit(".lora_", 1)[0]: None for key in shapes}
    config = peft.LoraConfig(
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        use_rslora=lora["rslora"],
        lora_dropout=0.0,
        bias="none",
        target_modules="|".join(re.escape(module) for module in modules),
    )
    peft.inject_adapter_in_model(config, text.model, adapter_name=name, low_cpu_mem_usage=True)
    parameters = {}
    for module in modules:
        layer = text.model.get_submodule(module)
        layer.__class__ = LoraLinear
        layer.lora_dropout[name] = HashDropout(module, lora["dropout"])
        for factor, part in (("lora_A", layer.lora_A[name]), ("lora_B", layer.lora_B[name])):
            key = f"{module}.{factor}.weight"
            part.weight = torch.nn.Parameter(torch.zeros(shapes[key], device=device))
            parameters[key] = part.weight
    return parameters


def activate(text: torch.nn.Module, name: str | None):
    """Makes an adapter the one that counts; None: the model as it is."""
    for module in text.model.modules():
        if isinstance(module, BaseTunerLayer):
            module.set_adapter([] if name is None else [name])


def detach(text: torch.nn.Module, name: str):
    """Takes an adapter off."""
    for module in text.model.modules():
        if isinstance(module, LoraLayer) and name in module.lora_A:
            module.delete_adapter(name)
