"""Qwen2.5-VL as transformers has it: built without weights, filled from files; the text model with its head, and the vision tower."""

import numpy
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AutoConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLDecoderLayer, rotate_half
from transformers.vision_utils import get_vision_position_ids

from batch import on_device
from dropout import only_rows


def parameter_name(name: str) -> str:
    """Canonical name to the name of the parameter in `Text` or in the tower."""
    if is_of_tower(name):
        return name
    return name if name == "lm_head.weight" else f"model.{name}"


def is_of_tower(name: str) -> bool:
    """Whether a weight is one of the tower's."""
    return name.startswith("visual.")


class LastLayer(Qwen2_5_VLDecoderLayer):
    """The last decoder layer, which can be asked for some rows: the others are only looked at."""

    def forward(self, hidden, attention_mask=None, position_embeddings=None, wanted=None, **others) -> torch.Tensor:
        """wanted: int64 [B, Q], rows of each of the B examples, of which it gives [B, Q, C]; None: all."""
        if wanted is None:
            return super().forward(hidden, attention_mask=attention_mask, position_embeddings=position_embeddings, **others)
        count, length, _ = hidden.shape
        attention = self.self_attn
        flat = (wanted + length * torch.arange(count, device=wanted.device)[:, None]).flatten()

        def heads(x: torch.Tensor) -> torch.Tensor:
            return x.view(count, -1, x.shape[-1] // attention.head_dim, attention.head_dim).transpose(1, 2)

        def rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
            return x * cos[:, None] + rotate_half(x) * sin[:, None]

        def of_rows(x: torch.Tensor) -> torch.Tensor:
            return x.reshape(count * length, -1)[flat].view(*wanted.shape, -1)

        normal = self.input_layernorm(hidden)
        keys = rotated(heads(attention.k_proj(normal)), *position_embeddings)
        values = heads(attention.v_proj(normal))
        if attention_mask is None:
            seen = torch.arange(length, device=wanted.device) <= wanted[:, None, :, None]
        else:
            seen = attention_mask.gather(2, wanted[:, None, :, None].expand(-1, -1, -1, length))
        with only_rows(flat):
            queries = rotated(heads(attention.q_proj(of_rows(normal))), *(of_rows(part) for part in position_embeddings))
            groups = attention.num_key_value_groups
            keys, values = keys.repeat_interleave(groups, 1), values.repeat_interleave(groups, 1)
            looked = scaled_dot_product_attention(queries, keys, values, seen, scale=attention.scaling)
            hidden = of_rows(hidden) + attention.o_proj(looked.transpose(1, 2).flatten(2))
            return hidden + self.mlp(self.post_attention_layernorm(hidden))


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

    def forward(self, batch, wanted: torch.Tensor | None, cache=None) -> torch.Tensor:
        """Logits [B, Q, V] at Q rows of each example, int64 [B, Q]; with a cache, of keys and values before these rows: at the last one,
        [1, V], of one example."""
        embedded = self._embed(batch)
        if cache is None:
            turns = self.model.rotary_emb(embedded, batch.positions)
            *layers, last = self.layers
            hidden = embedded
            for layer in layers:
                hidden = layer(hidden, attention_mask=batch.mask, position_embeddings=turns)
            hidden = last(hidden, attention_mask=batch.mask, position_embeddings=turns, wanted=wanted)
            return self.lm_head(self.model.norm(hidden))
        hidden = self.model(
            inputs_embeds=embedded,
            position_ids=batch.positions,
            attention_mask={"full_attention": batch.mask},
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        return self.lm_head(hidden[:, -1])

    def _embed(self, batch) -> torch.Tensor:
        """[B, T, C]: tokens, and vision where it stands."""
        embedded = self.model.embed_tokens(batch.tokens)
        if batch.vision_rows.numel() == 0:
            return embedded
        flat = embedded.reshape(-1, embedded.shape[-1])
        return flat.index_put((batch.vision_rows,), batch.features.to(flat.dtype)).view_as(embedded)


class Tower(nn.Module):
    """The vision tower: from 8-bit pictures to features, one row for each merged patch."""

    def __init__(self, model: Qwen2_5_VLForConditionalGeneration):
        super().__init__()
        self.visual = model.model.visual

    def forward(self, pictures: list[dict]) -> torch.Tensor:
        device = next(self.visual.parameters()).device
        patches, grids = zip(*(cut(picture, device) for picture in pictures), strict=True)
        # Sizes stay on the CPU: each layer asks how windows are cut, and would wait for all that a GPU has to do.
        sizes = torch.tensor(grids)
        positions = get_vision_position_ids(sizes, self.visual.spatial_merge_size)
        return self.visual(torch.cat(patches), sizes, position_ids=on_device(positions, device)).pooler_output


def build(folder: str, dtype: torch.dtype) -> tuple[Text, Tower]:
    """The model on the meta device: nothing is read or allocated."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        model = Qwen2_5_VLForConditionalGeneration._from_config(config, dtype=dtype).eval()
        model.model.language_model.layers[-1].__class__ = LastLayer
    return Text(model), Tower(model)


def make_buffers(module: nn.Module, device: torch.device):
    """Computes what is neither read nor trained: the frequencies of rotary embeddings, in float32."""
    for part in module.modules():
        if hasattr(part, "inv_freq"):
            fresh = type(part)(part.config)
            part.inv_freq = nn.Buffer(fresh.inv_freq.to(device), persistent=False)
            part.original_inv_freq = nn.Buffer(fresh.original_inv_freq.to(device), persistent=False)


def cut(picture: dict, device: torch.device) -> tuple[torch.Tensor, list[int]]:
    """Normalises a picture and cuts it into patches: `cutPatches` of src/video/patches.ts, with numbers of its float32 steps.
    picture: kind, frames uint8 [F, H, W, 3], patchSize, mergeSize, temporalPatchSize, mean, std."""
    frames, size, merge = on_device(picture["frames"], device), picture["patchSize"], picture["mergeSize"]
    depth = picture["temporalPatchSize"]
    missing = -len(frames) % depth
    if missing:
        frames = torch.cat([frames, frames[-1:].expand(missing, -1, -1, -1)])
    count, height, width, _ = frames.shape
    grid = [count // depth, height // size, width // size]
    tables = [normalisation(picture["kind"], m, s) for m, s in zip(picture["mean"], picture["std"], strict=True)]
    table = on_device(torch.from_numpy(numpy.concatenate(tables)), device)
    cells = frames.reshape(grid[0], depth, grid[1] // merge, merge, size, grid[2] // merge, merge, size, 3)
    ordered = cells.permute(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(-1, 3, depth * size * size).to(torch.int32)
    # A channel's table begins where that of the one before it ends.
    places = ordered + torch.arange(0, 768, 256, dtype=torch.int32, device=device)[:, None]
    return table.index_select(0, places.flatten()).view(grid[0] * grid[1] * grid[2], -1), grid


def normalisation(kind: str, mean: float, std: float) -> numpy.ndarray:
    """The 256 normalised values of a channel."""
    mean, std = numpy.float32(mean), numpy.float32(std)
    if kind == "image":
        return ((numpy.arange(256) * (1 / 255)).astype(numpy.float32) - mean) / std
    shift, scale = mean * numpy.float32(255), std * numpy.float32(255)
    return (numpy.arange(256, dtype=numpy.float32) - shift) / scale
