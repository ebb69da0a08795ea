"""python tokens.py DIR: chat text and token ids by transformers, for tokens.test.ts.
Reads DIR/cases.json, DIR/NAME/ (tokenizers by name) and DIR/chat.jinja; prints a JSON object. The text of a clip's question is
tokenized by itself with split_special_tokens=True, what the template puts around it without."""
import json, pathlib, sys
import numpy as np
import tokenizers, transformers
from PIL import Image
from transformers import AutoTokenizer, Qwen2_5_VLProcessor, Qwen2VLImageProcessor, Qwen2VLVideoProcessor
from transformers.utils import logging

logging.set_verbosity_error()
root = pathlib.Path(sys.argv[1])
given = json.loads((root / "cases.json").read_text())
tokens = {name: AutoTokenizer.from_pretrained(root / name) for name in given["tokenizers"]}
MARK = "the question goes here"
template = (root / "chat.jinja").read_text()
processor = Qwen2_5_VLProcessor(Qwen2VLImageProcessor(), tokens["qwen"], Qwen2VLVideoProcessor(), chat_template=template)


def chat(question, kinds, frames_last):
    frames, text = [{"type": kind} for kind in kinds], [{"type": "text", "text": question}]
    content = text + frames if frames_last else frames + text
    return processor.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)


def encode(tokenizer, text, **options):
    return tokenizer(text, add_special_tokens=False, **options)["input_ids"]


def expanded(text, visions):
    """The processor's own ids, each pad expanded: for pictures of [height, width] and videos of [frames, height, width]."""
    images = [Image.new("RGB", (v["size"][1], v["size"][0])) for v in visions if v["kind"] == "image"]
    videos = [np.zeros((*v["size"], 3), np.uint8) for v in visions if v["kind"] == "video"]
    out = processor(text=[text], images=images or None, videos=videos or None, do_sample_frames=False)
    grids = {kind: iter(out.get(f"{kind}_grid_thw", [])) for kind in ("image", "video")}
    return {"ids": out["input_ids"][0], "grids": [[int(n) for n in next(grids[v["kind"]])] for v in visions]}


results = []
for case in given["cases"]:
    kinds = [vision["kind"] for vision in case["visions"]]
    frames_last = case.get("framesLast", False)
    text = chat(case["question"], kinds, frames_last)
    before, after = chat(MARK, kinds, frames_last).split(MARK)
    assert text == before + case["question"] + after
    result = {"text": text, "whole": encode(tokens["qwen"], text), "ids": {}}
    for name, tokenizer in tokens.items():
        question = encode(tokenizer, case["question"], split_special_tokens=True)
        result["ids"][name] = encode(tokenizer, before) + question + encode(tokenizer, after)
    if case["expand"]:
        result["expanded"] = expanded(text, case["visions"])
    results.append(result)
characters = [encode(tokens["qwen"], text, split_special_tokens=True) for text in given["texts"]]
versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
print(json.dumps({"versions": versions, "cases": results, "texts": characters}))
