"""Writes test/train/golden/adamw.json: updates of torch.optim.AdamW, norms of gradients, and learning rates of transformers' schedules.
Usage: python test/reference/golden-adamw.py   (torch 2.13.0, transformers 5.17.0)"""
import json, pathlib
import torch, transformers
from transformers import (get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup,
                          get_linear_schedule_with_warmup)

makers = {"cosine": get_cosine_schedule_with_warmup, "linear": get_linear_schedule_with_warmup,
          "constant": lambda o, warmup, total: get_constant_schedule_with_warmup(o, warmup)}


def schedule(name, warmup, total):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = makers[name](optimizer, warmup, total)
    factors = []
    for _ in range(total + 3):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return dict(schedule=name, warmup=warmup, total=total, factors=factors)


def run(seed, options, lr, clip, scale):
    torch.manual_seed(seed)
    parameters = [torch.randn(4, requires_grad=True), torch.randn(2, 3, requires_grad=True)]
    start = [p.flatten().tolist() for p in parameters]
    optimizer = torch.optim.AdamW(parameters, lr=lr, foreach=False, **options)
    scheduler = get_cosine_schedule_with_warmup(optimizer, 2, 8)
    steps = []
    for _ in range(8):
        gradients = [torch.randn_like(p) * scale for p in parameters]
        gradients[0][1] = 0  # eps alone keeps this one from 0 / 0
        for p, g in zip(parameters, gradients):
            p.grad = g.clone()
        norm = torch.nn.utils.clip_grad_norm_(parameters, clip if clip is not None else float("inf"), foreach=False)
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step()
        scheduler.step()
        steps.append(dict(gradients=[g.flatten().tolist() for g in gradients], norm=norm.item(), lr=rate,
                          parameters=[p.detach().flatten().tolist() for p in parameters]))
    return dict(options=dict(beta1=options["betas"][0], beta2=options["betas"][1], eps=options["eps"],
                             weightDecay=options["weight_decay"]), clip=clip, start=start, steps=steps)


golden = dict(
    made_by=f"torch {torch.__version__}, transformers {transformers.__version__}",
    updates=[run(1, dict(betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0), 3e-4, None, 1.0),
             run(2, dict(betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1), 0.05, 1.0, 1.0),
             run(3, dict(betas=(0.8, 0.99), eps=1e-3, weight_decay=0.01), 0.01, 1.0, 1e-3)],
    schedules=[schedule("cosine", 3, 20), schedule("cosine", 0, 7), schedule("linear", 2, 9), schedule("constant", 4, 6)])
path = pathlib.Path(__file__).parents[1] / "train" / "golden" / "adamw.json"
path.write_text(json.dumps(golden, indent=1) + "\n")
