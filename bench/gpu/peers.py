"""python peers.py peft|trl '{"folder":…,"device":…,"batch":…,"scoreBatch":…,"steps":…,"cases":[…]}' < EXAMPLE: the other sides of run.py: a plain
loop over transformers and PEFT, or TRL's SFTTrainer. One line of JSON for each case. EXAMPLE is that of bench/example.ts."""

import json
import sys
import tempfile
import time

import peft
import torch
import transformers

name, settings = sys.argv[1], json.loads(sys.argv[2])
device, batch, score_batch, steps = (settings[key] for key in ("device", "batch", "scoreBatch", "steps"))
example = json.loads(sys.stdin.readline())
on_gpu = device == "cuda"
dtype = torch.bfloat16 if on_gpu else torch.float32
PATTERN = r"model\.language_model\.layers\.\d+\.(self_attn\.(q_proj|k_proj|v_proj|o_proj)|mlp\.(gate_proj|up_proj|down_proj))"
LORA = peft.LoraConfig(task_type="CAUSAL_LM", r=32, lora_alpha=32, lora_dropout=0.1, target_modules=PATTERN)
transformers.logging.set_verbosity_error()


def say(**values):
    print(json.dumps(values), flush=True)


def sync():
    if on_gpu:
        torch.cuda.synchronize()


def load():
    kind = transformers.Qwen2_5_VLForConditionalGeneration
    return kind.from_pretrained(settings["folder"], dtype=dtype, attn_implementation="sdpa").to(device)


def inputs_of(config, count: int, with_answer: bool) -> dict:
    """A batch in memory, on the device: tokens, labels, patches."""
    ids = torch.tensor(example["ids"] if with_answer else example["ids"][:-4])[None].repeat(count, 1)
    side, vision = example["side"], config.vision_config
    width = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": torch.randn(count * side * side, width, generator=torch.Generator().manual_seed(1)).to(dtype),
        "image_grid_thw": torch.tensor([[1, side, side]] * count),
        "mm_token_type_ids": (ids == config.image_token_id).long(),
    }
    if with_answer:
        inputs["labels"] = torch.full_like(ids, -100)
        for row in example["targets"]:
            inputs["labels"][:, row + 1] = ids[:, row + 1]
    return {key: value.to(device) for key, value in inputs.items()}


def timed(work) -> list[float]:
    times = []
    for turn in range(steps + 2):
        sync()
        started = time.perf_counter()
        work()
        sync()
        if turn >= 2:
            times.append(time.perf_counter() - started)
    return times


def plain_loop(recompute: bool) -> list[float]:
    model = peft.get_peft_model(load(), LORA)
    model.train()
    if recompute:
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable({"use_reentrant": False})
    inputs = inputs_of(model.config, batch, True)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0)

    def step():
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=on_gpu):
            loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        return loss.item()

    return timed(step)


def sft_trainer(recompute: bool) -> list[float]:
    import datasets
    import trl
    from transformers import AutoTokenizer, TrainerCallback

    model = load()
    inputs = inputs_of(model.config, batch, True)
    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_begin(self, *_, **__):
            sync()
            self.started = time.perf_counter()

        def on_step_end(self, *_, **__):
            sync()
            times.append(time.perf_counter() - self.started)

    with tempfile.TemporaryDirectory() as folder:
        options = trl.SFTConfig(
            output_dir=folder, per_device_train_batch_size=batch, max_steps=steps + 2, learning_rate=1e-4, weight_decay=0.0,
            max_grad_norm=1.0, bf16=on_gpu, use_cpu=not on_gpu, gradient_checkpointing=recompute, report_to="none",
            gradient_checkpointing_kwargs={"use_reentrant": False}, logging_strategy="no", save_strategy="no", disable_tqdm=True,
            remove_unused_columns=False, dataset_kwargs={"skip_prepare_dataset": True}, dataloader_pin_memory=False, max_length=None,
        )  # fmt: skip
        trainer = trl.SFTTrainer(
            model, options, train_dataset=datasets.Dataset.from_dict({"input_ids": [[0]] * batch * (steps + 2)}),
            data_collator=lambda _: dict(inputs), processing_class=AutoTokenizer.from_pretrained(settings["folder"]),
            peft_config=LORA, callbacks=[Clock()],
        )  # fmt: skip
        trainer.train()
    return times[2:]


def generate(members: int) -> list[float]:
    """Two tokens of each clip, by each adapter."""
    model = peft.get_peft_model(load(), LORA, adapter_name="0")
    for i in range(1, members):
        model.add_adapter(str(i), LORA)
    model.eval()
    inputs = inputs_of(model.config, score_batch, False)

    @torch.no_grad()
    def work():
        for i in range(members):
            model.set_adapter(str(i))
            with torch.autocast(device, torch.bfloat16, enabled=on_gpu):
                model.generate(**inputs, max_new_tokens=2, min_new_tokens=2, do_sample=False)

    return timed(work)


train = {"peft": plain_loop, "trl": sft_trainer}[name]
for case in settings["cases"]:
    for recompute in (False, True) if case == "first" else (None,):
        try:
            if case == "first":
                seconds = train(recompute)
            else:
                seconds = generate(1 if case == "score" else 5)
            say(case=case, recompute=recompute, seconds=seconds, clips=batch if case == "first" else score_batch)
        except torch.OutOfMemoryError as error:
            say(case=case, recompute=recompute, error=str(error)[:300])
        if on_gpu:
            torch.cuda.empty_cache()
