"""The engine against transformers + PEFT and TRL's SFTTrainer on one GPU, on random checkpoints of the sizes of Qwen2.5-VL-7B and 3B that are
made on the card. Needs what bench/gpu/prepare.ts puts into .gpu-bench, and PyTorch, transformers and PEFT. Under 8 minutes on a card like an H200.
  python bench/gpu/run.py OUT           # writes OUT/results.jsonl and OUT/table.md after each case, the most important first
  python bench/gpu/run.py OUT --toy     # a tiny model on the CPU: whether the script works; its numbers mean nothing"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

BENCH = pathlib.Path(".gpu-bench")
# After so many seconds no case is begun.
BUDGET = 1e6 if "--toy" in sys.argv else 450
STARTED = time.monotonic()
toy = "--toy" in sys.argv
out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
results: list[dict] = []


def unpack() -> str:
    """Node.js and TRL, where the machine has none; gives the command of Node.js."""
    if toy:
        return "node"
    subprocess.run(["tar", "-xzf", BENCH / "node.tar.gz", "-C", BENCH / "node"], check=True)
    site = BENCH / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile", "--target", site]
    subprocess.run([*install, *(BENCH / "wheels").glob("*.whl")], check=True)
    os.environ["PYTHONPATH"] = str(site.resolve())
    return str(BENCH / "node" / "node")


def make_model(preset: str, folder: pathlib.Path, device: str):
    """Random weights as transformers initialises them, made on the device."""
    import torch
    from safetensors.torch import save_file

    source = BENCH / "models" / preset
    folder.mkdir()
    for file in source.iterdir():
        if file.name != "shapes.json":
            shutil.copy(file, folder)
    torch.manual_seed(0)
    dtype = torch.float32 if toy else torch.bfloat16
    tensors = {}
    for name, shape in json.loads((source / "shapes.json").read_text()).items():
        if name.endswith(".bias"):
            value = torch.zeros(shape, dtype=dtype)
        elif len(shape) == 1:
            value = torch.ones(shape, dtype=dtype)
        else:
            value = (torch.randn(shape, device=device, dtype=dtype) * 0.02).cpu()
        tensors[name] = value
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def product_rate(device: str) -> float:
    """FLOP/s of bfloat16 products (float32 on a CPU) of random 8192×8192 matrices (512 in the toy): the median of ten."""
    import torch

    size = 512 if toy else 8192
    a, b = (torch.randn(size, size, device=device, dtype=torch.float32 if toy else torch.bfloat16) for _ in range(2))
    times = []
    for _ in range(13):
        if device == "cuda":
            torch.cuda.synchronize()
        started = time.perf_counter()
        a @ b
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    del a, b
    if device == "cuda":
        torch.cuda.empty_cache()
    return 2 * size**3 / statistics.median(times[3:])


class Memory:
    """Most memory of the card that was in use since it was last asked, in bytes; None without a card."""

    def __init__(self, on_gpu: bool):
        self.peak = 0 if on_gpu else None
        if on_gpu:
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "-lms", "200"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                self.peak = max(self.peak, int(line) * 2**20)

    def take(self) -> int | None:
        peak = self.peak
        if peak is not None:
            self.peak = 0
        return peak


def contest(who: str, command: list, about: dict, memory: Memory, first_line: str | None = None):
    """Runs one side; each line that it prints is a case."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        if first_line is not None:
            process.stdin.write(first_line + "\n")
        process.stdin.close()
        timer = threading.Timer(max(1.0, BUDGET + 20 - (time.monotonic() - STARTED)), process.kill)
        timer.start()
        for line in process.stdout:
            if not line.startswith('{"'):  # libraries print, too
                continue
            said = json.loads(line)
            if "about" in said:
                about.update(said)
                continue
            add({"who": who, "model": about["model"], "peakBytes": memory.take(), **said}, about)
        code = process.wait()
        timer.cancel()
        if code != 0:
            errors.seek(0)
            add({"who": who, "model": about["model"], "case": "-", "error": f"ended with {code}: {errors.read()[-1500:]}"}, about)


def add(result: dict, about: dict):
    """Keeps a result; writes all that there are."""
    if "seconds" in result:
        result["median"] = statistics.median(result["seconds"])
        result["clipsPerSecond"] = result["clips"] / result["median"]
        result["tokensPerSecond"] = result["clipsPerSecond"] * about["tokens"]
        if result["case"] == "later":
            # Of the products that cannot be done without; those of the tower and of recomputation are not counted.
            result["shareOfProducts"] = about["flops"] * result["clipsPerSecond"] / about["rate"]
    results.append(result)
    with open(out / "results.jsonl", "a") as file:
        file.write(json.dumps(result) + "\n")
    (out / "table.md").write_text(table(about))
    print(json.dumps({key: value for key, value in result.items() if key != "seconds"}), flush=True)


def better(model: str, who: str, case: str) -> dict | None:
    """The better one of with and without recomputation."""
    some = [r for r in results if (r["model"], r["who"], r["case"]) == (model, who, case) and "median" in r]
    return min(some, key=lambda r: r["median"], default=None)


CASES = [
    ("a LoRA step, later epochs", "later", "first"),
    ("a LoRA step, first epoch", "first", "first"),
    ("scoring: 41 probabilities / `generate` of two tokens", "score", "score"),
    ("the same by an ensemble of five", "ensemble", "ensemble"),
]


def table(about: dict) -> str:
    """All results so far as a page."""
    lines = [
        f"{about['device']}; torch {about['torch']}; products {about['rate'] / 1e12:.1f} TFLOP/s",
        "",
        "| model | case | who | clips/s | tokens/s | peak GB | recomputes | share of products | ours / this |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for model in dict.fromkeys(r["model"] for r in results):
        for title, own, others in CASES:
            ours = better(model, "ours", own)
            for who in ("ours", "peft", "trl"):
                r = better(model, who, own if who == "ours" else others)
                if r is None:
                    continue
                ratio = "" if ours is None or who == "ours" else f"{ours['clipsPerSecond'] / r['clipsPerSecond']:.2f} ×"
                share = f"{r['shareOfProducts']:.2f}" if "shareOfProducts" in r else ""
                peak = f"{r['peakBytes'] / 1e9:.1f}" if r["peakBytes"] else ""
                lines.append(
                    f"| {model} | {title} | {who} | {r['clipsPerSecond']:.2f} | {r['tokensPerSecond']:.0f} | {peak} "
                    f"| {'yes' if r.get('recompute') else 'no'} | {share} | {ratio} |"
                )
    faults = [f"- {r['model']}, {r['who']}, {r['case']}: {r['error'].splitlines()[-1]}" for r in results if "error" in r]
    return "\n".join([*lines, *(["", *faults] if faults else []), ""])


def main():
    import torch

    device = "cpu" if toy else "cuda"
    node = unpack()
    sizes = {"steps": 2 if toy else 5, "side": 8 if toy else 32, "device": device, "python": sys.executable}
    memory = Memory(not toy)
    shared = {
        "device": "CPU" if toy else torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "rate": product_rate(device),
    }
    # In memory, where there is such a folder: the models are read several times.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as temporary:
        for preset, batch, score_batch in [("tiny", 2, 2)] if toy else [("qwen2.5-vl-7b", 16, 32), ("qwen2.5-vl-3b", 16, 32)]:
            folder = pathlib.Path(temporary) / preset
            make_model(preset, folder, device)
            about = {**shared, "model": preset}
            settings = {**sizes, "folder": str(folder), "batch": batch, "scoreBatch": score_batch}

            for who, cases in (
                ("ours", ["later", "first"]),
                ("trl", ["first"]),
                ("peft", ["first"]),
                ("ours", ["score", "ensemble"]),
                ("peft", ["score", "ensemble"]),
            ):
                if time.monotonic() - STARTED > BUDGET:
                    break
                given = json.dumps({**settings, "cases": cases})
                if who == "ours":
                    contest(who, [node, BENCH / "node" / "ours" / "ours.mjs", given], about, memory)
                elif "plain" in about:
                    peers = [sys.executable, pathlib.Path(__file__).parent / "peers.py", who, given]
                    contest(who, peers, about, memory, json.dumps(about["plain"]))
            shutil.rmtree(folder)
    print((out / "table.md").read_text())


main()
