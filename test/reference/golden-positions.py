"""Writes the golden positions of test/model with transformers as the reference.

Run from the repository's root: python test/reference/golden-positions.py
They come from whichever transformers is importable (golden/positions-VERSION.json: 5.17 and 5.18 are kept).
"""

import json
import types
from pathlib import Path

import torch
import transformers
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VLModel

GOLDEN = Path(__file__).parents[1] / "model" / "golden"

IMAGE, VIDEO = 1, 2
CASES = [  # text lengths around and between the visions; (kind, (t, h, w), seconds per grid)
    ([3, 4], [(IMAGE, (1, 4, 6), None)]),
    ([1, 2, 3], [(IMAGE, (1, 6, 2), None), (IMAGE, (1, 2, 8), None)]),
    ([5], []),
    ([2, 5], [(VIDEO, (1, 4, 4), 1.0)]),
    ([2, 5], [(VIDEO, (3, 4, 4), 1.0)]),
    ([2, 5], [(VIDEO, (4, 2, 4), 0.5)]),
    ([2, 5], [(VIDEO, (4, 2, 4), 0.25)]),
    ([2, 5], [(VIDEO, (5, 2, 2), 2 / 30)]),
    ([2, 5], [(VIDEO, (4, 2, 4), 2 / 3)]),
    ([2, 5], [(VIDEO, (4, 2, 6), 1.5)]),
    ([2, 3], [(VIDEO, (12, 2, 2), 2 / 0.7)]),
    ([2, 5], [(VIDEO, (8, 2, 2), 0.7)]),
    ([2, 5], [(VIDEO, (16, 2, 2), 0.15)]),
    ([1, 2, 2], [(VIDEO, (2, 2, 4), 3.0), (VIDEO, (3, 4, 2), 0.9)]),
]


def positions() -> None:
    vision = types.SimpleNamespace(spatial_merge_size=2, tokens_per_second=2)
    model = types.SimpleNamespace(config=types.SimpleNamespace(vision_config=vision))
    model.get_vision_position_ids = types.MethodType(Qwen2_5_VLModel.get_vision_position_ids, model)
    cases = []
    for texts, visions in CASES:
        kinds = [0] * texts[0]
        for (kind, (t, h, w), _), text in zip(visions, texts[1:]):
            kinds += [kind] * (t * h * w // 4) + [0] * text
        grids = {k: torch.tensor([g for kind, g, _ in visions if kind == k]) for k in (IMAGE, VIDEO)}
        seconds = torch.tensor([s for kind, _, s in visions if kind == VIDEO])
        ids, _ = Qwen2_5_VLModel.get_rope_index(
            model,
            torch.zeros(1, len(kinds), dtype=torch.long),
            torch.tensor([kinds], dtype=torch.int),
            image_grid_thw=grids[IMAGE],
            video_grid_thw=grids[VIDEO],
            second_per_grid_ts=seconds,
        )
        cases.append(
            {
                "texts": texts,
                "visions": [
                    {"kind": "image" if k == IMAGE else "video", "grid": dict(zip("thw", g)), "secondsPerGrid": s}
                    for k, g, s in visions
                ],
                "positions": ids[:, 0].tolist(),
            }
        )
    minor = ".".join(transformers.__version__.split(".")[:2])
    write(f"positions-{minor}.json", {"transformers": transformers.__version__, "cases": cases})


def write(name: str, value: dict) -> None:
    (GOLDEN / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


positions()
