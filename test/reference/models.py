"""Random Qwen2.5-VL checkpoints, written by transformers in its own layout or in the older one of the hub's checkpoints."""
import json, pathlib
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration as Model

IMAGE, VIDEO, START, END = 90, 91, 92, 93


def make(seed, width, heads, kv, layers=2, tied=True, vision=(3, 32, 2, [1]), vocab=120, mlp=None, window=112):
    """A model whose every part shows in its logits: weights of a size that keeps activations near one, biases, uneven norms."""
    depth, vwidth, vheads, full = vision
    half = width // heads // 2
    config = Qwen2_5_VLConfig(
        text_config=dict(
            hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv,
            intermediate_size=mlp or 2 * width - 12, vocab_size=vocab, rms_norm_eps=1e-6, tie_word_embeddings=tied,
            bos_token_id=1, eos_token_id=2, max_position_embeddings=4096,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6,
                             "mrope_section": [half - 2 * (half // 3), half // 3, half // 3]}),
        vision_config=dict(
            depth=depth, hidden_size=vwidth, num_heads=vheads, intermediate_size=2 * vwidth - 12, out_hidden_size=width,
            fullatt_block_indexes=full, window_size=window, patch_size=14, temporal_patch_size=2, spatial_merge_size=2,
            tokens_per_second=2),
        image_token_id=IMAGE, video_token_id=VIDEO, vision_start_token_id=START, vision_end_token_id=END,
        tie_word_embeddings=tied)
    model = Model(config).float().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.ndim == 1 and not name.endswith("bias"):
                p.copy_(1 + 0.2 * noise)
            else:
                p.copy_(noise * (0.1 if p.ndim == 1 else min(0.5, p[0].numel() ** -0.5)))
    return model


def save(model, folder, dtype="float32", shards=1, layout="today"):
    """Writes the checkpoint; gives the model that transformers loads from it, computing in float32."""
    folder = pathlib.Path(folder)
    model = model.to(getattr(torch, dtype))
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    model.save_pretrained(folder, max_shard_size=size // shards + 1 if shards > 1 else "5GB")
    if layout == "hub":
        to_hub_layout(folder)
    loaded, info = Model.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(info.values()), info
    return loaded.eval()


def to_hub_layout(folder):
    """Flat config with rope_scaling, tensors named model.layers.* and visual.*, as Qwen2.5-VL-3B-Instruct has them."""
    config = json.loads((folder / "config.json").read_text())
    text, vision = config.pop("text_config"), config["vision_config"]
    rope = text.pop("rope_parameters")
    for key in ["model_type", "layer_types", "dtype", "tie_word_embeddings"]:
        text.pop(key, None)
    config = {**text, **config, "rope_theta": rope["rope_theta"], "torch_dtype": config.pop("dtype"),
              "rope_scaling": {"type": "mrope", "mrope_section": rope["mrope_section"]}}
    config["vision_config"] = {
        **{k: v for k, v in vision.items() if k not in ("in_channels", "dtype", "initializer_range", "patch_size")},
        "in_chans": 3, "spatial_patch_size": 14}
    (folder / "config.json").write_text(json.dumps(config))

    def old(name):
        return name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")

    for file in folder.glob("*.safetensors"):
        tensors = {old(name): tensor for name, tensor in load_file(file).items()}
        save_file(tensors, file, {"format": "pt"})
    index = folder / "model.safetensors.index.json"
    if index.exists():
        content = json.loads(index.read_text())
        content["weight_map"] = {old(name): file for name, file in content["weight_map"].items()}
        index.write_text(json.dumps(content))


def clip(model, visions, generator):
    """What the model is called with for one clip: random text around vision tokens, random pixels.
    visions: (kind, (t, h, w) in patches, seconds per temporal patch for videos), all of one kind"""
    ids, kinds = torch.randint(3, 80, (7,), generator=generator).tolist(), [0] * 7
    for kind, (t, h, w), *_ in visions:
        count = t * h * w // 4
        ids += [START] + [IMAGE if kind == "image" else VIDEO] * count + [END]
        kinds += [0] + [1 if kind == "image" else 2] * count + [0]
    ids += torch.randint(3, 80, (23,), generator=generator).tolist() + [model.config.text_config.vocab_size - 1]
    kinds += [0] * 24
    kind = visions[0][0]
    grid = torch.tensor([v[1] for v in visions])
    ids = torch.tensor([ids])
    kwargs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "mm_token_type_ids": torch.tensor([kinds], dtype=torch.int),
              f"{kind}_grid_thw": grid,
              "pixel_values" if kind == "image" else "pixel_values_videos": torch.randn((int(grid.prod(1).sum()), 1176), generator=generator)}
    if kind == "video":
        kwargs["second_per_grid_ts"] = torch.tensor([v[2] for v in visions])
    return kwargs
