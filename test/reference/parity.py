"""python parity.py DIR: checkpoints of many shapes and what transformers computes with them, for parity.test.ts.
Writes DIR/NAME/ (the checkpoint) and DIR/NAME.safetensors (inputs and outputs); prints the cases as JSON."""
import json, pathlib, sys
import torch, transformers
from safetensors.torch import save_file
from transformers.vision_utils import get_vision_window_index
from models import clip, make, save

root = pathlib.Path(sys.argv[1])
# Grids are patches of 14 pixels: temporal, rows, columns. Windows are 8×8 patches.
SQUARE, WIDE, TALL = (1, 16, 16), (1, 6, 36), (1, 44, 4)
CASES = {
    "heads-2-1": dict(model=dict(width=48, heads=4, kv=2), visions=[("image", SQUARE)]),
    "heads-1-1-untied": dict(model=dict(width=64, heads=4, kv=4, tied=False), save=dict(dtype="bfloat16"), visions=[("video", (1, 8, 8), 0.5)]),
    "heads-7-1": dict(model=dict(width=112, heads=7, kv=1, layers=3), save=dict(shards=3), visions=[("image", WIDE)]),
    "heads-4-1-wide": dict(model=dict(width=256, heads=8, kv=2, tied=False, vision=(4, 128, 4, [1, 3]), vocab=1000), save=dict(shards=4, dtype="bfloat16"),
                           visions=[("image", TALL)]),
    "heads-5-1": dict(model=dict(width=80, heads=5, kv=1), save=dict(layout="hub"), visions=[("image", (1, 10, 14)), ("image", (1, 6, 2))]),
    "hub-sharded": dict(model=dict(width=72, heads=6, kv=2, layers=4), save=dict(layout="hub", dtype="bfloat16", shards=2),
                        visions=[("video", (4, 10, 18), 0.25)]),
    "hub-untied": dict(model=dict(width=96, heads=6, kv=3, tied=False), save=dict(layout="hub"), visions=[("video", (4, 4, 6), 1.5)]),
    "all-full": dict(model=dict(width=48, heads=2, kv=1, vision=(2, 40, 2, [0, 1])), visions=[("image", (1, 18, 18)), ("image", (1, 2, 2))]),
    "all-windowed": dict(model=dict(width=60, heads=3, kv=1, vision=(2, 24, 3, [])), save=dict(dtype="float16"), visions=[("image", (1, 20, 26))]),
    "deep": dict(model=dict(width=128, heads=8, kv=1, layers=12, vision=(12, 64, 4, [3, 7, 11])), save=dict(dtype="bfloat16"), visions=[("video", (1, 12, 20), 1.0)]),
    "one-layer": dict(model=dict(width=48, heads=4, kv=2, layers=1, vision=(1, 32, 2, [0])), visions=[("image", (1, 8, 10))]),
    "uneven-windows": dict(model=dict(width=48, heads=4, kv=1, window=100), visions=[("image", (1, 14, 22))]),
    "small-windows": dict(model=dict(width=48, heads=4, kv=1, window=56), visions=[("video", (2, 14, 10), 1 / 3)]),
}


described = {}
for number, (name, case) in enumerate(CASES.items()):
    model = save(make(seed=number, **case["model"]), root / name, **case.get("save", {}))
    generator = torch.Generator().manual_seed(1000 + number)
    visions = case["visions"]
    kwargs = clip(model, visions, generator)
    ids, out = kwargs["input_ids"], {"ids": kwargs["input_ids"][0]}
    for kind in ("image", "video"):
        grid = kwargs.get(f"{kind}_grid_thw")
        if grid is None:
            continue
        pixels = kwargs["pixel_values" if kind == "image" else "pixel_values_videos"]
        order, _ = get_vision_window_index(grid, 2, model.config.vision_config.window_size, 14)
        with torch.no_grad():
            out |= {"pixels": pixels, "windowOrder": order, "features": model.model.visual(pixels, grid_thw=grid).pooler_output}
    with torch.no_grad():
        result = model(output_hidden_states=True, **kwargs)
        positions, _ = model.model.get_rope_index(**{k: v for k, v in kwargs.items() if not k.startswith("pixel")})
    out |= {"positions": positions[:, 0], "hidden": result.hidden_states[-1][0], "logits": result.logits[0]}
    floats = {k: (v if v.dtype == torch.float32 else v.float()).contiguous() for k, v in out.items()}  # whole numbers below 2²⁴
    save_file(floats, root / f"{name}.safetensors")
    described[name] = [{"kind": v[0], "grid": v[1], "secondsPerGrid": v[2] if len(v) > 2 else None} for v in visions]
print(json.dumps({"versions": {"transformers": transformers.__version__, "torch": torch.__version__}, "cases": described}))
