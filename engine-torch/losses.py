"""The forms of losses: src/objectives/types.ts and src/engine/onnx/losses.ts, in float32."""

import torch
from torch.nn.functional import log_softmax


def token_targets(examples: list[dict], device) -> tuple[torch.Tensor, ...]:
    """Rows whose logits are trained, their tokens, their weights, [B, Q] each. Of examples with fewer targets some have no weight."""
    most = max(len(e["targets"]) for e in examples)
    filled = [[(row, token, weight * e["share"]) for row, token, weight in e["targets"]] for e in examples]
    rows, tokens, weights = zip(*(zip(*some, *[(0, 0, 0.0)] * (most - len(some)), strict=True) for some in filled), strict=True)
    return torch.tensor(rows, device=device), torch.tensor(tokens, device=device), torch.tensor(weights, device=device)


def token_loss(logits: torch.Tensor, tokens: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """− Σ weight · log softmax(logits)[token]; logits [B, Q, V]."""
    picked = log_softmax(logits.float(), -1).gather(2, tokens[..., None]).squeeze(2)
    return -(picked * weights).sum()


def edges_of(logits: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of the tree's edges, [B, Q, K], of logits [B, Q, V]."""
    return log_softmax(logits.float(), -1)[..., columns]


class Tree:
    """The tree of legal answers: tokens on edges, scores of answers, and which edges an answer takes."""

    def __init__(self, tree: dict, device):
        self.source = tree
        self.columns = torch.tensor(tree["columns"], device=device)
        self.values = torch.tensor(tree["values"], dtype=torch.float32, device=device)
        self.nodes = tree["nodes"]
        paths = torch.zeros((len(tree["paths"]), self.nodes, len(tree["columns"])))
        for a, path in enumerate(tree["paths"]):
            for node, column in path:
                paths[a, node, column] = 1
        self.paths = paths.flatten(1).to(device)


def answer_loss(edges: torch.Tensor, tree: Tree, form: dict, wanted: dict[str, torch.Tensor]) -> torch.Tensor:
    """Weighted sum over clips of terms over the legal answers. wanted: shares [B], scores [B], labels [B, A]; of pairs [B, B] each."""
    logs = edges.flatten(1) @ tree.paths.T
    normal = log_softmax(logs, -1)
    total = torch.zeros(logs.shape[0], device=logs.device)
    pairs = torch.zeros((), device=logs.device)
    for name in form["terms"]:
        weight = form.get("weights", {}).get(name, 1)
        if name == "fidelity":
            pairs = pairs + weight * fidelity(normal.exp(), tree.values, wanted)
        else:
            total = total + weight * term(name, logs, normal, tree, wanted)
    return (total * wanted["shares"]).sum() + pairs


def term(name: str, logs: torch.Tensor, normal: torch.Tensor, tree: Tree, wanted: dict[str, torch.Tensor]) -> torch.Tensor:
    """A term of each clip, [B]."""
    if name == "squared-error":
        return ((normal.exp() * tree.values).sum(-1) - wanted["scores"]) ** 2
    if name == "log-mass":
        return -torch.logsumexp(logs, -1)
    if name == "cross-entropy":
        return -(normal * wanted["labels"]).sum(-1)
    raise ValueError(f"no such term of a loss: {name}")


# src/engine/onnx/fidelity.ts says why.
LEAST_VARIANCE, MARGIN = 0.01, 1e-6


def fidelity(q: torch.Tensor, values: torch.Tensor, wanted: dict[str, torch.Tensor]) -> torch.Tensor:
    """Sum over pairs of weight · (1 − √(p·p̂) − √((1 − p)(1 − p̂))); q [B, A]."""
    mean = (q * values).sum(-1, keepdim=True)
    variance = (q * (values - mean) ** 2).sum(-1, keepdim=True)
    z = (mean - mean.T) / (variance + variance.T + LEAST_VARIANCE).sqrt()
    half = torch.erf(z * 0.5**0.5) * (0.5 - MARGIN)
    loss = 1 - (0.5 + half).sqrt() * wanted["pairRoots"] - (0.5 - half).sqrt() * wanted["pairCoRoots"]
    return (loss * wanted["pairWeights"]).sum()
