"""python step.py MODEL THREADS: one LoRA step of transformers + PEFT for each line on stdin, timed, for bench/step.ts.
The step is the whole of it: tower, text, loss, backward pass, AdamW. The example is that of bench/example.ts."""
import json, pathlib, sys, time
import torch, transformers, peft
from transformers import Qwen2_5_VLForConditionalGeneration as Model

folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(0)
model = Model.from_pretrained(folder, dtype=torch.float32)
c = model.config
PATTERN = r"model\.language_model\.layers\.\d+\.(self_attn\.(q_proj|k_proj|v_proj|o_proj)|mlp\.(gate_proj|up_proj|down_proj))"
model = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", r=32, lora_alpha=32, lora_dropout=0.1, target_modules=PATTERN))
model.train()
example = json.loads(sys.stdin.readline())
ids = torch.tensor(example["ids"])[None]
labels = torch.full_like(ids, -100)
for row in example["targets"]:
    labels[0, row + 1] = ids[0, row + 1]
side = example["side"]  # patches along a side
pixels = torch.randn(side * side, 3 * 2 * 14 * 14, generator=torch.Generator().manual_seed(1))
inputs = dict(
    input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, pixel_values=pixels,
    image_grid_thw=torch.tensor([[1, side, side]]), mm_token_type_ids=(ids == c.image_token_id).long())
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=3e-4, weight_decay=0.0)
versions = {m.__name__: m.__version__ for m in (torch, transformers, peft)}
print(json.dumps({"ready": True, "trained": sum(p.numel() for p in trained), "versions": versions}), flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    optimizer.zero_grad()
    loss = model(**inputs).loss
    loss.backward()
    optimizer.step()
    value = loss.item()
    print(json.dumps({"seconds": time.perf_counter() - started, "loss": value}), flush=True)
