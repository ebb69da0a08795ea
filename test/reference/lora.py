"""python lora.py DIR: adapters on a random checkpoint, their gradients and twenty AdamW steps, by PEFT and torch, for lora.test.ts.
Writes DIR/base, DIR/NAME (adapters as PEFT saves them) and DIR/NAME.safetensors (inputs, logits, gradients, losses)."""
import json, pathlib, sys
import peft, torch, transformers
from safetensors.torch import save_file
from models import clip, make, save

root = pathlib.Path(sys.argv[1])
PATTERN = r"model\.language_model\.layers\.\d+\.(self_attn\.(q_proj|k_proj|v_proj|o_proj)|mlp\.(gate_proj|up_proj|down_proj))"
CASES = {
    "plain": dict(r=8, lora_alpha=16, target_modules=PATTERN),
    "rslora": dict(r=5, lora_alpha=7, use_rslora=True, target_modules=r".*language_model.*\.(q_proj|v_proj|down_proj)"),
}
# What we do not serve: it must be refused by name.
REFUSED = {
    "rank_pattern": dict(r=8, lora_alpha=16, target_modules=PATTERN, rank_pattern={"q_proj": 4}),
    "alpha_pattern": dict(r=8, lora_alpha=16, target_modules=PATTERN, alpha_pattern={"q_proj": 4}),
    "modules_to_save": dict(r=8, lora_alpha=16, target_modules=PATTERN, modules_to_save=["lm_head"]),
    "use_dora": dict(r=8, lora_alpha=16, target_modules=PATTERN, use_dora=True),
    "bias": dict(r=8, lora_alpha=16, target_modules=PATTERN, bias="lora_only"),
}
# Adapters that leave modules out: PEFT loads each again with no key missing.
LAYERS = r".*layers\.\d+\.(self_attn|mlp)\..*_proj"
EXCLUDING = {
    "full-names": dict(exclude_modules=[f"model.language_model.layers.{i}.self_attn.k_proj" for i in range(3)]),
    "pattern": dict(exclude_modules=r".*language_model.*\.k_proj"),
    "older-names": dict(exclude_modules=[f"model.layers.{i}.self_attn.k_proj" for i in range(3)]),
    "older-pattern": dict(exclude_modules=r"model\.layers\..*\.k_proj"),
    "ending": dict(exclude_modules=["k_proj"]),
    "first-layer": dict(exclude_modules=r"model\.language_model\.layers\.0\..*"),
}
VISIONS = [[("image", (1, 10, 12))], [("video", (2, 6, 8), 1.0)]]
LEARNING_RATE, STEPS = 2e-3, 20


def canonical(name):
    return name.removeprefix("base_model.model.model.language_model.").replace(".default", "")


def loss_of(model, kwargs):
    labels = torch.full_like(kwargs["input_ids"], -100)
    labels[0, -2:] = kwargs["input_ids"][0, -2:]
    return model(**kwargs, labels=labels).loss


base = make(seed=50, width=112, heads=7, kv=1, layers=3, tied=True, vocab=150)
save(base, root / "base", shards=2)
for number, (name, options) in enumerate({**CASES, **REFUSED}.items()):
    model = save(make(seed=50, width=112, heads=7, kv=1, layers=3, tied=True, vocab=150), root / "again" / name)
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", **options))
    generator = torch.Generator().manual_seed(number)
    with torch.no_grad():
        for key, p in adapted.named_parameters():
            if "lora_" in key:
                p.copy_(torch.randn(p.shape, generator=generator) * 0.1)
    adapted.save_pretrained(root / name)
    if name in REFUSED:
        continue
    clips = [clip(model, visions, generator) for visions in VISIONS]
    out = {}
    for i, kwargs in enumerate(clips):
        out |= {f"ids{i}": kwargs["input_ids"][0].float(), f"pixels{i}": kwargs.get("pixel_values", kwargs.get("pixel_values_videos"))}
        with torch.no_grad():
            out[f"logits{i}"] = adapted(**kwargs).logits[0, -3:-1]
    trained = {key: p for key, p in adapted.named_parameters() if p.requires_grad}
    adapted.train()
    loss_of(adapted, clips[0]).backward()
    out |= {canonical(key): p.grad.clone() for key, p in trained.items()}
    optimizer = torch.optim.AdamW(trained.values(), lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(adapted, clips[step % 2])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    out["losses"] = torch.tensor(losses)
    save_file({key: value.contiguous() for key, value in out.items()}, root / f"{name}.safetensors")
excluding = {}
for name, options in EXCLUDING.items():
    fresh = lambda: transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(root / "base", dtype=torch.float32)
    adapted = peft.get_peft_model(fresh(), peft.LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8, target_modules=LAYERS, **options))
    adapted.save_pretrained(root / name)
    again = peft.PeftModel(fresh(), peft.PeftConfig.from_pretrained(root / name))
    loaded = again.load_adapter(str(root / name), "default")
    assert not [key for key in loaded.missing_keys if "lora_" in key] and not loaded.unexpected_keys, (name, loaded)
    excluding[name] = sorted(canonical(key) for key, p in adapted.named_parameters() if "lora_" in key)
print(json.dumps({"excluding": excluding, "versions": {"transformers": transformers.__version__, "peft": peft.__version__, "torch": torch.__version__},
                  "cases": list(CASES), "refused": list(REFUSED), "learningRate": LEARNING_RATE,
                  "visions": [[{"kind": v[0], "grid": v[1], "secondsPerGrid": v[2] if len(v) > 2 else None} for v in c] for c in VISIONS]}))
