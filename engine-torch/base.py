"""A base model in this process: whole, or its share of the decoder layers where the processes hold it together."""

import torch
from torch.distributed.tensor import DTensor

from batch import tensor_of
from families import family_of
from weights import Weights
from world import return_what_is_freed


class Base:
    """A text model and a vision tower. Frozen weights are held in `dtype`."""

    def __init__(self, world, header: dict):
        self.world = world
        self.folder = header["folder"]
        self.weights = Weights(header["weights"])
        self.family = family_of(header["family"])
        self.is_sharded = header["shard"] == "full"
        self.computes_in_bfloat16 = header["precision"] == "bfloat16"
        self.open()

    def open(self, dtype: torch.dtype | None = None):
        """Reads the model as it is on disk."""
        self.dtype = dtype or (torch.bfloat16 if self.computes_in_bfloat16 else torch.float32)
        dtype = self.dtype
        self.text, self.tower = self.family.build(self.folder, dtype)
        self.active: str | None = None
        self.tower_is_filled = False
        for part in (self.text, self.tower):
            part.requires_grad_(False)
        if self.is_sharded:
            self._shard()
            self.text.to_empty(device=self.world.device)
        self._fill(self.text)
        self.text.eval()

    def train_all(self) -> dict[str, torch.nn.Parameter]:
        """Opens every weight for training, in float32; gives the parameters by canonical name."""
        if self.dtype != torch.float32:
            self.open(torch.float32)
        self.open_tower()
        parameters = {}
        for name in self.weights:
            key = self.family.parameter_name(name)
            part = self.tower if self.family.is_of_tower(name) else self.text
            parameters[name] = part.get_parameter(key).requires_grad_(True)
        return parameters

    def open_tower(self):
        """Reads the tower, which every process holds whole, when it is first needed."""
        if not self.tower_is_filled:
            self._fill(self.tower)
            self.tower_is_filled = True
        return self.tower

    def encode(self, pictures: list[dict], tensors: list) -> torch.Tensor:
        """Features of the pictures of a clip; in the header they name their frames by the index of a tensor."""
        given = [{**picture, "frames": tensor_of(tensors[picture["frames"]])} for picture in pictures]
        return self.open_tower()(given)

    def autocast(self):
        return torch.autocast(self.world.device.type, torch.bfloat16, enabled=self.computes_in_bfloat16)

    def _shard(self):
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        if self.world.device.type == "cpu":
            return_what_is_freed()
        mesh = init_device_mesh(self.world.device.type, (self.world.size,))
        for part in (*self.text.layers, self.text):
            fully_shard(part, mesh=mesh)
            # Losses are weighted over the whole update already: gradients add up, and nothing is divided.
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)

    @torch.no_grad()
    def _fill(self, part: torch.nn.Module):
        """Reads the weights of a part: of a sharded one only the rows that this process holds."""
        names = {self.family.parameter_name(name): name for name in self.weights}
        for module_name, module in part.named_modules():
            for key, parameter in list(module.named_parameters(recurse=False)):
                name = names.get(f"{module_name}.{key}".lstrip("."))
                if name is None:
                    continue  # tied to another one
                if isinstance(parameter, DTensor):
                    self._fill_shard(parameter, name)
                    continue
                value = self.weights.read(name).to(self.world.device, self.dtype, copy=True)
                setattr(module, key, torch.nn.Parameter(value, requires_grad=False))
        if part is self.text and not self.is_sharded:
            self.text.tie()
        self.family.make_buffers(part, self.world.device)

    def _fill_shard(self, parameter: DTensor, name: str):
        local = parameter.to_local()
        if local.numel() > 0:
            local.copy_(self.weights.read(name, first_row(parameter), local.shape[0]))


def first_row(parameter: DTensor) -> int:
    """Where the rows that this process holds of a sharded parameter begin."""
    from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

    return compute_local_shape_and_global_offset(parameter.shape, parameter.device_mesh, parameter.placements)[1][0]
