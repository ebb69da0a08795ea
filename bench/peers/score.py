"""python score.py MODEL THREADS: transformers' `generate` of two tokens for lists of pictures, for bench/score.ts.
The first line on stdin is {"ids": token ids of the question, "adapters": folders}; each further line is {"files": [...], "batch": n,
"adapters": k}: pictures are opened, processed, and asked about, n at a time, by the base model (k = 0) or by the first k adapters
in turn, each over all files."""
import json, pathlib, sys, time
import peft, torch, transformers
from PIL import Image
from transformers import AutoImageProcessor, Qwen2_5_VLForConditionalGeneration as Model

folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
torch.set_grad_enabled(False)
model = Model.from_pretrained(folder, dtype=torch.float32).eval()
processor = AutoImageProcessor.from_pretrained(folder)
told = json.loads(sys.stdin.readline())
ids = torch.tensor(told["ids"])
config = model.config
names = []
for i, adapter in enumerate(told.get("adapters", [])):
    names.append(f"a{i}")
    if i == 0:
        model = peft.PeftModel.from_pretrained(model, adapter, adapter_name=names[0]).eval()
    else:
        model.load_adapter(adapter, adapter_name=names[i])
versions = {m.__name__: m.__version__ for m in (torch, transformers, peft)}
print(json.dumps({"ready": True, "versions": versions, "processor": type(processor).__name__}), flush=True)


def score(files, batch):
    answers = []
    for start in range(0, len(files), batch):
        some = files[start:start + batch]
        seen = processor(images=[Image.open(file).convert("RGB") for file in some], return_tensors="pt")
        tokens = ids.repeat(len(some), 1)
        out = model.generate(
            input_ids=tokens, attention_mask=torch.ones_like(tokens), pixel_values=seen["pixel_values"],
            image_grid_thw=seen["image_grid_thw"], mm_token_type_ids=(tokens == config.image_token_id).long(),
            max_new_tokens=2, min_new_tokens=2, do_sample=False, repetition_penalty=1.0)
        answers += out[:, -2:].tolist()
    return answers


for line in sys.stdin:
    told = json.loads(line)
    started = time.perf_counter()
    if told["adapters"] == 0 and names:
        with model.disable_adapter():
            answers = score(told["files"], told["batch"])
    elif not names:
        answers = score(told["files"], told["batch"])
    for name in names[:told["adapters"]]:
        model.set_adapter(name)
        answers = score(told["files"], told["batch"])
    print(json.dumps({"seconds": time.perf_counter() - started, "answers": answers[:4]}), flush=True)
