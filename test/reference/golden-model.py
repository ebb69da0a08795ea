"""Writes golden/qwen2-5-vl.json: outputs of transformers' Qwen2.5-VL for weights and pixels of a fixed formula.
Usage: python test/reference/golden-model.py   (transformers 5.17.0, torch 2.13.0)"""
import json, pathlib
import numpy as np, torch, transformers
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.vision_utils import get_vision_window_index


def formula(name, shape, scale, offset=0.0):
    seed = sum(ord(c) * (i + 1) for i, c in enumerate(name))
    i = np.arange(int(np.prod(shape)), dtype=np.float64)
    x = np.sin(i * 12.9898 + seed) * 43758.5453
    return torch.tensor(((x - np.floor(x)) * 2 - 1) * scale + offset).float().reshape(shape)


config = Qwen2_5_VLConfig(
    text_config=dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=80,
                     vocab_size=100, rms_norm_eps=1e-6, tie_word_embeddings=True,
                     rope_parameters={"rope_type": "default", "mrope_section": [1, 2, 3], "rope_theta": 1e6}),
    vision_config=dict(depth=3, hidden_size=32, num_heads=2, intermediate_size=52, out_hidden_size=48, fullatt_block_indexes=[1],
                       window_size=112, patch_size=14, temporal_patch_size=2, spatial_merge_size=2, tokens_per_second=2),
    image_token_id=90, video_token_id=91, vision_start_token_id=92, vision_end_token_id=93, tie_word_embeddings=True)
model = Qwen2_5_VLForConditionalGeneration(config).float().eval()
with torch.no_grad():
    for name, p in model.named_parameters():
        canonical = name.removeprefix("model.").removeprefix("language_model.")
        p.copy_(formula(canonical, tuple(p.shape), 0.2, 1.0 if p.ndim == 1 and not name.endswith("bias") else 0.0))
    grid = torch.tensor([[1, 12, 20]])
    pixels = formula("pixels", (240, 1176), 1.5)
    ids = torch.tensor([[5, 6, 92] + [90] * 60 + [93] + list(range(10, 30))])
    types = (ids == 90).int()
    features = model.model.visual(pixels, grid_thw=grid).pooler_output
    out = model(input_ids=ids, pixel_values=pixels, image_grid_thw=grid, mm_token_type_ids=types, attention_mask=torch.ones_like(ids))
    positions, _ = model.model.get_rope_index(ids, mm_token_type_ids=types, image_grid_thw=grid, attention_mask=torch.ones_like(ids))
    order, _ = get_vision_window_index(grid, 2, 112, 14)
golden = {
    "made by": f"test/reference/golden-model.py, transformers {transformers.__version__}, torch {torch.__version__}",
    "features": features[::10].flatten().tolist(),
    "logits": out.logits[0, [40, 83]].flatten().tolist(),
    "positions": positions[:, 0].flatten().tolist(),
    "windowOrder": order.tolist(),
}
pathlib.Path(__file__).parents[1].joinpath("model", "golden").joinpath("qwen2-5-vl.json").write_text(json.dumps(golden))
