"""Qwen2.5-VL as transformers has it: built without weights, filled from files; the text model with its head, and the vision tower."""

import numpy
import torch
from torch import nn
from transformers import AutoConfig, Qwen2_5_VLForConditionalGeneration


def parameter_name(name: str) -> str:
    """Canonical name to the name of the parameter in `Text` or in the tower."""
    if is_of_tower(name):
        return name
    return name if name == "lm_head.weight" else f"model.{name}"


def is_of_tower(name: str) -> bool:
    """Whether a weight is one of the tower's."""
    return name.startswith("visual.")


class Text(nn.Module):
    """Embedding, decoder layers and head: from tokens and vision features to logits at the rows that are wanted."""

    def __init__(self, model: Qwen2_5_VLForConditionalGeneration):
        super().__init__()
        self.model = model.model.language_model
        self.lm_head = model.lm_head
        self.is_tied = model.config.get_text_config().tie_word_embeddings
        self.tie()

    def tie(self):
        if self.is_tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    @property
    def layers(self) -> nn.ModuleList:
        return self.model.layers

    def forward(self, batch, rows: torch.Tensor, cache=None) -> torch.Tensor:
        """Logits [R, V] at the rows of the B·T; with a cache, of keys and values before these rows."""
        embedded = self.model.embed_tokens(batch.tokens)
        if batch.vision_rows.numel() > 0:
            flat = embedded.reshape(-1, embedded.shape[-1])
            features = batch.features.to(flat.dtype)
            embedded = flat.index_put((batch.vision_rows,), features).view_as(embedded)
        hidden = self.model(
            inputs_embeds=embedded,
            position_ids=batch.positions,
            attention_mask={"full_attention": batch.mask},
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state
        return self.lm_head(hidden.reshape(-1, hidden.shape[-1])[rows])


class Tower(nn.Module):
    """The vision tower: from 8-bit pictures to features, one row for each merged patch."""

    def __init__(self, model: Qwen2_5_VLForConditionalGeneration):
        super().__init__()
        self.visual = model.model.visual

    def forward(self, pictures: list[dict]) -> torch.Tensor:
        parameter = next(self.visual.parameters())
        patches, grids = zip(*(cut(picture) for picture in pictures), strict=True)
        pixels = torch.cat(patches).to(parameter.device)
        return self.visual(pixels, torch.tensor(grids, device=parameter.device)).pooler_output


def build(folder: str, dtype: torch.dtype) -> tuple[Text, Tower]:
    """The model on the meta device: nothing is read or allocated."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration._from_config(config, dtype=dtype).eval()
    return Text(model), Tower(model)


def make_buffers(module: nn.Module, device: torch.device):
    """Computes what is neither read nor trained: the frequencies of rotary embeddings, in float32."""
    for part in module.modules():
        if hasattr(part, "inv_freq"):
            fresh = type(part)(part.config)
            part.inv_freq = nn.Buffer(fresh.inv_freq.to(device), persistent=False)
            part.original_inv_freq = nn.Buffer(fresh.original_inv_freq.to(device), persistent=False)


def cut(picture: dict) -> tuple[torch.Tensor, list[int]]:
    """Normalises a picture and cuts it into patches: `cutPatches` of src/video/patches.ts, in its float32 steps.
    picture: kind, frames uint8 [F, H, W, 3], patchSize, mergeSize, temporalPatchSize, mean, std."""
    frames, size, merge = picture["frames"].numpy(), picture["patchSize"], picture["mergeSize"]
    depth = picture["temporalPatchSize"]
    missing = -len(frames) % depth
    if missing:
        frames = numpy.concatenate([frames, numpy.repeat(frames[-1:], missing, 0)])
    count, height, width, _ = frames.shape
    grid = [count // depth, height // size, width // size]
    tables = [normalisation(picture["kind"], m, s) for m, s in zip(picture["mean"], picture["std"], strict=True)]
    values = numpy.stack([table[frames[..., c]] for c, table in enumerate(tables)], -1)
    cells = values.reshape(grid[0], depth, grid[1] // merge, merge, size, grid[2] // merge, merge, size, 3)
    ordered = cells.transpose(0, 2, 5, 3, 6, 8, 1, 4, 7)
    return torch.from_numpy(numpy.ascontiguousarray(ordered).reshape(grid[0] * grid[1] * grid[2], -1)), grid


def normalisation(kind: str, mean: float, std: float) -> numpy.ndarray:
    """The 256 normalised values of a channel."""
    mean, std = numpy.float32(mean), numpy.float32(std)
    if kind == "image":
        return ((numpy.arange(256) * (1 / 255)).astype(numpy.float32) - mean) / std
    shift, scale = mean * numpy.float32(255), std * numpy.float32(255)
    return (numpy.arange(256, dtype=numpy.float32) - shift) / scale
