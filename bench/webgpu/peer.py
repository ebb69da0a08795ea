"""python peer.py MODEL DEVICE lora|full BATCH STEPS < EXAMPLE: a training step of transformers (and PEFT), as bench/webgpu/step.ts makes it,
in float32, with TF32 products, and with bfloat16 autocast. EXAMPLE is what bench/webgpu/example.ts prints.
The step is the whole of it: tower, text, loss, backward pass, AdamW. `tower` is the frozen tower alone."""
import json, pathlib, statistics, sys, time
import torch, transformers, peft
from transformers import Qwen2_5_VLForConditionalGeneration as Model

folder, device, method, batch, steps = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
example = json.loads(sys.stdin.readline())
PATTERN = r"model\.language_model\.layers\.\d+\.(self_attn\.(q_proj|k_proj|v_proj|o_proj)|mlp\.(gate_proj|up_proj|down_proj))"
side = example["side"]
ids = torch.tensor(example["ids"])[None].repeat(batch, 1)
labels = torch.full_like(ids, -100)
for row in example["targets"]:
    labels[:, row + 1] = ids[:, row + 1]
pixels = torch.randn(batch * side * side, 3 * 2 * 14 * 14, generator=torch.Generator().manual_seed(1))
sync = torch.cuda.synchronize if device == "cuda" else lambda: None
print(f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}, "
      f"{torch.cuda.get_device_name() if device == 'cuda' else 'cpu'}", flush=True)


def timed(work):
    times = []
    for _ in range(steps + 3):
        sync()
        started = time.perf_counter()
        work()
        sync()
        times.append(time.perf_counter() - started)
    first, rest = times[0], sorted(times[3:])
    low, median, high = statistics.quantiles(rest, n=4)
    return f"{median:.4f} [{low:.4f}, {high:.4f}] s | {batch / median:.1f} clips a second | first {first:.1f} s"


for precision in ["float32", "TF32", "bfloat16 autocast"] if device == "cuda" else ["float32"]:
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "TF32"
    model = Model.from_pretrained(folder, dtype=torch.float32).to(device)
    c = model.config
    inputs = {k: v.to(device) for k, v in dict(
        input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, pixel_values=pixels,
        image_grid_thw=torch.tensor([[1, side, side]] * batch), mm_token_type_ids=(ids == c.image_token_id).long()).items()}
    if method == "lora":
        config = peft.LoraConfig(task_type="CAUSAL_LM", r=32, lora_alpha=32, lora_dropout=0.1, target_modules=PATTERN)
        model = peft.get_peft_model(model, config)
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-4, weight_decay=0.0)
    autocast = torch.autocast(device, torch.bfloat16, enabled=precision.startswith("bfloat16"))

    def step():
        optimizer.zero_grad()
        with autocast:
            loss = model(**inputs).loss
        loss.backward()
        optimizer.step()
        return loss.item()

    print(f"| transformers, {method}, {folder.name}, {batch} × {ids.shape[1]} tokens, {precision} | {timed(step)} |", flush=True)
    if method == "lora":
        tower = model.get_base_model().model.visual

        def see():
            with torch.no_grad(), autocast:
                tower(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])

        print(f"| tower alone, {precision} | {timed(see)} |", flush=True)
    del model, optimizer, inputs
