"""python sft.py MODEL THREADS: one update of TRL's SFTTrainer for each line on stdin, timed, for bench/step.ts.
The trainer as it is, with its own loss (the head at labelled rows only), on the example of bench/example.ts; what its update is not
compared by is off: logging, saving, clipping, gradient checkpointing. The time is that from its callback before an update to the one behind."""
import json, pathlib, sys, tempfile, time
import datasets, peft, torch, transformers, trl
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration as Model

folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
torch.manual_seed(0)
out, sys.stdout = sys.stdout, sys.stderr  # the trainer prints
model = Model.from_pretrained(folder, dtype=torch.float32)
PATTERN = r"model\.language_model\.layers\.\d+\.(self_attn\.(q_proj|k_proj|v_proj|o_proj)|mlp\.(gate_proj|up_proj|down_proj))"
lora = peft.LoraConfig(task_type="CAUSAL_LM", r=32, lora_alpha=32, lora_dropout=0.1, target_modules=PATTERN)
example = json.loads(sys.stdin.readline())
ids = torch.tensor(example["ids"])[None]
labels = torch.full_like(ids, -100)
for row in example["targets"]:
    labels[0, row + 1] = ids[0, row + 1]
side = example["side"]  # patches along a side
pixels = torch.randn(side * side, 3 * 2 * 14 * 14, generator=torch.Generator().manual_seed(1))
inputs = dict(
    input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels, pixel_values=pixels,
    image_grid_thw=torch.tensor([[1, side, side]]), mm_token_type_ids=(ids == model.config.image_token_id).long())


class Turns(transformers.TrainerCallback):
    """Waits for a line before an update, and says how long it took."""

    def on_train_begin(self, args, state, control, model=None, **_):
        versions = {m.__name__: m.__version__ for m in (torch, transformers, peft, trl)}
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        print(json.dumps({"ready": True, "trained": trained, "versions": versions}), file=out, flush=True)

    def on_step_begin(self, args, state, control, **_):
        if not sys.stdin.readline():
            raise SystemExit
        self.started = time.perf_counter()

    def on_step_end(self, args, state, control, **_):
        print(json.dumps({"seconds": time.perf_counter() - self.started}), file=out, flush=True)


args = trl.SFTConfig(
    output_dir=tempfile.mkdtemp(), use_cpu=True, bf16=False, max_steps=1_000_000, per_device_train_batch_size=1,
    gradient_checkpointing=False, learning_rate=3e-4, weight_decay=0.0, max_grad_norm=0.0, lr_scheduler_type="constant",
    logging_strategy="no", save_strategy="no", report_to="none", disable_tqdm=True, remove_unused_columns=False,
    max_length=None, dataset_kwargs={"skip_prepare_dataset": True}, dataloader_pin_memory=False)
rows = datasets.Dataset.from_dict({"input_ids": [example["ids"]] * 1000, "labels": [labels[0].tolist()] * 1000})
trl.SFTTrainer(
    model=model, args=args, train_dataset=rows, data_collator=lambda _: dict(inputs), peft_config=lora,
    processing_class=AutoProcessor.from_pretrained(folder), callbacks=[Turns()]).train()
