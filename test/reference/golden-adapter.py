"""PEFT's side of test/model/adapter.test.ts (transformers 5.17.0, PEFT 0.21.0, torch 2.13.0).
python test/reference/golden-adapter.py make             writes golden/adapter: a base's config.json, an adapter on it, its logits
python test/reference/golden-adapter.py logits BASE DIR  loads the adapter DIR on the checkpoint BASE, prints JSON: what PEFT made of it"""
import json, pathlib, sys, tempfile, warnings
import numpy as np, peft, torch, transformers
from safetensors.torch import load_file, save_file
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration as Model

ids = torch.tensor([list(range(3, 40)) + [7, 7, 8]])


def formula(name, shape, scale, offset=0.0):
    seed = sum(ord(c) * (i + 1) for i, c in enumerate(name))
    i = np.arange(int(np.prod(shape)), dtype=np.float64)
    x = np.sin(i * 12.9898 + seed) * 43758.5453
    return torch.tensor(((x - np.floor(x)) * 2 - 1) * scale + offset).float().reshape(shape)


def logits(model):
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, [-2, -1]].flatten().tolist()


def make():
    folder = pathlib.Path(__file__).parents[1] / "model" / "golden" / "adapter"
    config = Qwen2_5_VLConfig(
        text_config=dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                         intermediate_size=80, vocab_size=100, rms_norm_eps=1e-6, tie_word_embeddings=True,
                         bos_token_id=1, eos_token_id=2,
                         rope_parameters={"rope_type": "default", "mrope_section": [1, 2, 3], "rope_theta": 1e6}),
        vision_config=dict(depth=2, hidden_size=32, num_heads=2, intermediate_size=52, out_hidden_size=48,
                           fullatt_block_indexes=[1], window_size=112, tokens_per_second=2),
        image_token_id=90, video_token_id=91, vision_start_token_id=92, vision_end_token_id=93, tie_word_embeddings=True)
    model = Model(config).float().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            canonical = name.removeprefix("model.").removeprefix("language_model.")
            p.copy_(formula(canonical, tuple(p.shape), 0.2, 1.0 if p.ndim == 1 and not name.endswith("bias") else 0.0))
    base = logits(model)
    pattern = r"model\.language_model\.layers\.\d+\.(self_attn\.(q_proj|k_proj|v_proj|o_proj)|mlp\.(gate_proj|up_proj|down_proj))"
    lora = peft.LoraConfig(r=3, lora_alpha=8, lora_dropout=0.1, use_rslora=True, target_modules=pattern, task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(model, lora).eval()
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if "lora_" in name:
                p.copy_(formula(name.replace(".default", ""), tuple(p.shape), 0.3))
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    config.to_json_file(folder / "base-config.json")
    (folder / "logits.json").write_text(json.dumps({
        "made by": f"test/reference/golden-adapter.py, transformers {transformers.__version__}, PEFT {peft.__version__}",
        "base": base, "adapted": logits(adapted)}) + "\n")


def check(base, folder):
    model = Model.from_pretrained(base, dtype=torch.float32).eval()
    plain = logits(model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adapted = peft.PeftModel.from_pretrained(model, folder).eval()
        loaded = adapted.load_adapter(folder, "default")
    again = tempfile.mkdtemp()
    adapted.save_pretrained(again)
    names = ["adapter_model.safetensors", "adapter_config.json"]
    same = [pathlib.Path(again, n).read_bytes() == pathlib.Path(folder, n).read_bytes() for n in names]
    mine, theirs = [json.loads(pathlib.Path(d, names[1]).read_text()) for d in (folder, again)]
    print(json.dumps({
        "base": plain, "adapted": logits(adapted), "warnings": [str(w.message) for w in caught],
        "missing": [k for k in loaded.missing_keys if "lora_" in k], "unexpected": list(loaded.unexpected_keys),
        "sameTensorBytes": same[0], "settings": {k: [mine.get(k, "-"), theirs.get(k, "-")] for k in {*mine, *theirs}
                                                 if mine.get(k, "-") != theirs.get(k, "-")}}))


if sys.argv[1:] == ["make"]:
    make()
else:
    check(*sys.argv[2:])
