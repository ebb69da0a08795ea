"""transformers' side of init.test.ts (transformers 5.17.0, PEFT 0.21.0, torch 2.13.0, torchvision 0.28.0).
  npx tsx test/model/reference-models.ts DIR      writes the models, adapters and pictures
  python test/reference/golden-init.py DIR         loads them, refuses whatever is missing or left over, writes golden/init.json
Also prints how far its own second opinions lie apart: the same logits one token later, PEFT's merged weights."""
import json, pathlib, sys
import numpy as np, peft, torch, transformers
from PIL import Image
from transformers import AutoProcessor, AutoTokenizer, Qwen2_5_VLForConditionalGeneration as Model, Qwen2VLImageProcessorPil

root = pathlib.Path(sys.argv[1])
QUESTIONS = [
    "Rate the overall quality of this video.",
    "Text prompt: A corgi's DON'T-stop 2024 run; 3.14 km,\n\n  at   dawn…",
    "日本の桜 — ежик в тумане 🦔 e\u0301\u00e9 \u200b end\t",
    "34 50.0 a1b2 ½ ١٢",
]


def load(folder):
    model, info = Model.from_pretrained(root / folder, output_loading_info=True)
    assert not any(info.values()), info
    assert all(p.dtype == torch.float32 for p in model.parameters())
    return model.eval()


def rounded(tensor):
    return [float(np.format_float_scientific(x, precision=7)) for x in tensor.flatten().numpy()]


sizes = {name: sum(p.numel() for p in load(name).parameters()) for name in ["random", "small"]}
model = load("base")
tokenizer = AutoTokenizer.from_pretrained(root / "base")
processor = AutoProcessor.from_pretrained(root / "base")
processor.image_processor = Qwen2VLImageProcessorPil.from_pretrained(root / "base")
assert (tokenizer.eos_token, tokenizer.pad_token, len(tokenizer)) == ("<|im_end|>", "<|endoftext|>", model.config.text_config.vocab_size)


def chat(kind, question):
    content = [{"type": kind}, {"type": "text", "text": question}]
    return processor.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)


chats = []
for question in QUESTIONS:
    text = chat("video", question)
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids) == text or "\u0301" in text  # the normalizer composes
    chats.append({"question": question, "ids": ids})

picture = Image.open(root / "picture.png")
frames = np.stack([np.asarray(Image.open(root / f"frame-{i}.png")) for i in range(4)])
metadata = {"fps": 0.7, "total_num_frames": 4, "frames_indices": [0, 1, 2, 3], "duration": 4 / 0.7}
clips = {
    "image": processor(text=[chat("image", QUESTIONS[0])], images=[picture], return_tensors="pt"),
    "video": processor(text=[chat("video", QUESTIONS[0])], videos=[frames], video_metadata=[metadata], do_sample_frames=False,
                       cap_pixels_per_frame=False, return_tensors="pt"),
}


def last(some, clip):
    with torch.no_grad():
        return some(**clip).logits[0, -1]


def describe(name, clip):
    pixels = clip["pixel_values" if name == "image" else "pixel_values_videos"]
    grid = clip[f"{name}_grid_thw"]
    with torch.no_grad():
        features = model.model.visual(pixels, grid_thw=grid).pooler_output
        positions, _ = model.model.get_rope_index(**{k: v for k, v in clip.items() if not k.startswith("pixel_values")})
    return {
        "ids": clip["input_ids"][0].tolist(),
        "grid": grid[0].tolist(),
        "secondsPerGrid": clip["second_per_grid_ts"].tolist() if name == "video" else None,
        "pixels": {"sum": float(pixels.double().sum()), "every997": rounded(pixels.flatten()[::997])},
        "features": rounded(features[::3]),
        "positions": positions[:, 0].flatten().tolist(),
        "logits": rounded(last(model, clip)),
    }


golden = {
    "made by": f"test/reference/golden-init.py, transformers {transformers.__version__}, PEFT {peft.__version__}, torch {torch.__version__}",
    "sizes": sizes, "chats": chats, "clips": {name: describe(name, clip) for name, clip in clips.items()}, "adapters": {},
}
for name in ["plain", "rslora"]:
    folder = root / f"adapter-{name}"
    config = json.loads((folder / "adapter_config.json").read_text())
    adapted = peft.PeftModel.from_pretrained(load("base"), folder).eval()
    result = adapted.load_adapter(folder, "default")
    assert not result.unexpected_keys and not [k for k in result.missing_keys if "lora_" in k], result
    wrapped = [n for n, m in adapted.named_modules() if isinstance(m, peft.tuners.lora.LoraLayer)]
    assert wrapped and all(n.startswith("base_model.model.model.language_model.layers.") for n in wrapped), wrapped
    golden["adapters"][name] = {"wrapped": len(wrapped), "logits": rounded(last(adapted, clips["image"]))}
    merged = last(adapted.merge_and_unload(), clips["image"])
    print(name, "merged differs by", float((merged - torch.tensor(golden["adapters"][name]["logits"])).abs().max()))
path = pathlib.Path(__file__).parents[1] / "model" / "golden" / "init.json"
path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
print(path, path.stat().st_size, "bytes")
