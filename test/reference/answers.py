"""python answers.py REQUEST.json: what transformers and PEFT answer about pictures, for answers.test.ts.
The request: question, answers (texts), pictures (files), subjects {name: {model, adapter or null}}.
Prints, for each subject and picture, the probability of every answer and what greedy generation writes."""
import json, pathlib, sys, warnings
import peft, torch
from PIL import Image
from transformers import AutoProcessor, AutoTokenizer, Qwen2_5_VLForConditionalGeneration as Model

request = json.loads(pathlib.Path(sys.argv[1]).read_text())


def load(model, adapter):
    loaded, info = Model.from_pretrained(model, dtype=torch.float32, output_loading_info=True)
    assert not any(info.values()), info
    if adapter is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loaded = peft.PeftModel.from_pretrained(loaded, adapter)
        result = loaded.load_adapter(adapter, "default")
        assert not result.unexpected_keys and not [k for k in result.missing_keys if "lora_" in k], result
    return loaded.eval()


def log_probabilities(model, clip, more):
    """Of the token behind the prompt and some more tokens."""
    extra = torch.tensor([more], dtype=torch.long)
    ids = torch.cat([clip["input_ids"], extra], 1)
    kinds = torch.cat([clip["mm_token_type_ids"], torch.zeros_like(extra, dtype=clip["mm_token_type_ids"].dtype)], 1)
    rest = {k: v for k, v in clip.items() if k not in ("input_ids", "attention_mask", "mm_token_type_ids")}
    with torch.no_grad():
        logits = model(input_ids=ids, mm_token_type_ids=kinds, attention_mask=torch.ones_like(ids), **rest).logits[0, -1]
    return torch.log_softmax(logits.double(), -1)


answers = {}
for name, subject in request["subjects"].items():
    model = load(subject["model"], subject["adapter"])
    tokenizer, processor = [kind.from_pretrained(subject["model"]) for kind in (AutoTokenizer, AutoProcessor)]
    content = [{"type": "image"}, {"type": "text", "text": request["question"]}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)
    answers[name] = []
    for picture in request["pictures"]:
        clip = processor(text=[text], images=[Image.open(picture)], return_tensors="pt")
        steps, probabilities = {}, []
        for answer in request["answers"]:
            ids, total = tokenizer(answer)["input_ids"], 0.0
            for i, token in enumerate(ids):
                key = tuple(ids[:i])
                if key not in steps:
                    steps[key] = log_probabilities(model, clip, ids[:i])
                total += steps[key][token].item()
            probabilities.append(float(torch.tensor(total, dtype=torch.double).exp()))
        out = model.generate(**clip, max_new_tokens=2, do_sample=False, repetition_penalty=1.0)
        answers[name].append({"probabilities": probabilities, "generated": tokenizer.decode(out[0, clip["input_ids"].shape[1]:])})
print(json.dumps(answers))
