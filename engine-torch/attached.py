"""A base model with an adapter on it, or with all its weights in training: updates, predictions, state."""

import math

import torch
from torch.distributed.tensor import DTensor
from transformers import DynamicCache

import adapters
from base import first_row
from batch import collate, on_device, tensor_of
from dropout import HashDropout, kernel_trouble, row_keys
from losses import Tree, answer_loss, edges_of, token_loss, token_targets


class Attached:
    """One attached model. Gradients add up over `accumulate` until `apply`."""

    def __init__(self, base, key: str, header: dict):
        self.base = base
        self.world = base.world
        self.key = key
        self.lora = header["lora"]
        self.training = header["training"]
        self.tree: Tree | None = None
        self.loss = torch.zeros(1, device=self.world.device)
        self.gathered: torch.Tensor | None = None
        self.parameters: dict[str, torch.nn.Parameter] = {}
        self.optimizer = None
        if self.lora is not None:
            self.parameters = adapters.attach(base.text, key, self.lora, header["shapes"], self.world.device)
            base.active = ""  # PEFT has made the new one the active one, but only on its own modules
            self._use()
        elif self.training is not None:
            self.parameters = base.train_all()
        if self.training is not None:
            self.optimizer = self._adamw()

    def notes(self) -> list[str]:
        """What a user should know."""
        drops = self.training is not None and self.lora is not None and self.lora["dropout"] > 0
        trouble = kernel_trouble(self.world.device) if drops else None
        return [] if trouble is None else [trouble]

    def accumulate(self, header: dict, tensors: list):
        """Adds the gradients of a micro-batch, and its share of the loss, to those that are there."""
        self._use()
        self._learn_tree(header)
        examples = header["examples"]
        batch = self._collate(examples, tensors)
        drops = self.lora is not None and self.lora["dropout"] > 0
        HashDropout.rows = row_keys([e["dropoutKey"] for e in examples], batch.tokens.shape[1], self.world.device) if drops else None
        self._recompute(self.training["gradientCheckpointing"])
        try:
            with self.base.autocast():
                loss = self._loss(header, tensors, batch)
            loss.backward()
        finally:
            HashDropout.rows = None
            self._recompute(False)
        self.loss += loss.detach()
        self.world.let_one_wait()

    def _loss(self, header: dict, tensors: list, batch) -> torch.Tensor:
        examples = header["examples"]
        device = self.world.device
        form = self.training["form"]
        if form["over"] == "tokens":
            rows, tokens, weights = token_targets(examples, device)
            return token_loss(self.base.text(batch, rows), tokens, weights)
        wanted = {
            "shares": torch.tensor([e["share"] for e in examples], device=device),
            "scores": torch.tensor([e["score"] for e in examples], device=device),
        }
        if "label" in examples[0]:
            wanted["labels"] = torch.stack([tensor_of(tensors[e["label"]]) for e in examples]).to(device)
        for name, index in header["pairs"].items():
            wanted[name] = tensor_of(tensors[index]).to(device)
        return answer_loss(self._edges(examples, tensors, batch), self.tree, form, wanted)

    def _edges(self, examples: list[dict], tensors: list, batch) -> torch.Tensor:
        """[B, Q, K]"""
        nodes = torch.stack([tensor_of(tensors[e["nodeRows"]]) for e in examples]).long()
        return edges_of(self.base.text(batch, on_device(nodes, self.world.device)), self.tree.columns)

    def apply(self, learning_rate: float) -> dict:
        """One step of AdamW with what was accumulated, or none where a number is not finite."""
        parameters = list(self.parameters.values())
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters]
        # Those of sharded weights were added up in the backward pass.
        self.world.add_up([gradient for gradient in gradients if not isinstance(gradient, DTensor)])
        self.world.add_up([self.loss])
        norm = self._norm(gradients)
        result = {"loss": self.loss.item(), "gradientNorm": norm}
        finite = all(value - value == 0 for value in result.values())
        if finite:
            if self.training["clipNorm"] is not None:
                scale = min(1.0, self.training["clipNorm"] / (norm + 1e-6))
                for gradient in gradients:
                    gradient.mul_(scale)
            self.optimizer.param_groups[0]["lr"] = learning_rate
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.loss.zero_()
        return {**{name: str(value) for name, value in result.items()}, "finite": finite}

    def _norm(self, gradients: list[torch.Tensor]) -> float:
        """Of all gradients together; a sharded one's parts are on the processes."""
        precise = torch.float32 if self.world.device.type == "mps" else torch.float64
        squares = torch.zeros(2, dtype=precise, device=self.world.device)
        for gradient in gradients:
            is_sharded = isinstance(gradient, DTensor)
            own = gradient.to_local() if is_sharded else gradient
            squares[int(is_sharded)] += torch.linalg.vector_norm(own, dtype=precise) ** 2
        shared = squares[1:].clone()
        self.world.add_up([shared])
        return (squares[0] + shared[0]).sqrt().item()

    @torch.no_grad()
    def predict(self, header: dict, tensors: list) -> torch.Tensor:
        """Log-probabilities of the tree's edges, float32 [B, Q, K]."""
        self._use()
        self._learn_tree(header)
        batch = self._collate(header["examples"], tensors)
        with self.base.autocast():
            return self._edges(header["examples"], tensors, batch)

    @torch.no_grad()
    def generate(self, header: dict, tensors: list) -> list[int] | None:
        """The likeliest tokens behind one example, up to the end of the turn; None where a logit is not finite."""
        self._use()
        batch = self._collate(header["examples"], tensors)
        cache, answer = DynamicCache(config=self.base.text.model.config), []
        while len(answer) < header["maxTokens"]:
            with self.base.autocast():
                logits = self.base.text(batch, None, cache)[0].float()
            if not torch.isfinite(logits).all():
                return None
            token = int(logits.argmax())
            if token == header["endTokenId"]:
                break
            answer.append(token)
            batch.tokens = torch.tensor([[token]], device=self.world.device)
            batch.positions = batch.positions[:, :, -1:] + 1
            batch.vision_rows = batch.vision_rows[:0]
        return answer

    def read(self, name: str, start: int, end: int) -> torch.Tensor:
        """Some elements of a tensor of the state. All processes are asked, in any case: a sharded one is gathered."""
        tensor = self._tensor(name)
        if not isinstance(tensor, DTensor):
            return tensor.reshape(-1)[start:end]
        if start == 0:
            self.gathered = tensor.full_tensor().reshape(-1)
        part = self.gathered[start:end]
        if end == self.gathered.numel():
            self.gathered = None
        return part

    def _tensor(self, name: str) -> torch.Tensor:
        """A tensor of the state by its name: a parameter, or one of its moments as `m.NAME` and `v.NAME`."""
        if name in self.parameters:
            return self.parameters[name].detach()
        moment, parameter = name.split(".", 1)
        return self._moments(self.parameters[parameter])["exp_avg" if moment == "m" else "exp_avg_sq"]

    @torch.no_grad()
    def load(self, header: dict, tensors: list):
        """Replaces parts of tensors of the state."""
        for (name, start), part in zip(header["parts"], tensors, strict=True):
            values, tensor = tensor_of(part), self._tensor(name)
            first = 0
            if isinstance(tensor, DTensor):
                first = first_row(tensor) * math.prod(tensor.shape[1:])
                tensor = tensor.to_local()
            own = tensor.view(-1)
            # What of the piece this process holds.
            low, high = max(start, first), min(start + values.numel(), first + own.numel())
            if low < high:
                own[low - first : high - first] = values[low - start : high - start].to(self.world.device)

    def load_step(self, step: int):
        """Updates that were made: bias correction depends on it."""
        for parameter in self.parameters.values():
            self._moments(parameter)["step"].fill_(step)

    def close(self):
        if self.lora is not None:
            adapters.detach(self.base.text, self.key)
            self.base.active = ""
        elif self.training is not None:
            self.base.open()  # whoever comes next gets the model as it is on disk

    def _learn_tree(self, header: dict):
        """All examples of a model have the same tree."""
        if header["tree"] is not None and (self.tree is None or self.tree.source != header["tree"]):
            self.tree = Tree(header["tree"], self.world.device)

    def _collate(self, examples: list[dict], tensors: list):
        width = self.base.text.model.config.hidden_size

        def features_of(example: dict) -> torch.Tensor:
            if "pictures" in example:
                return self.base.encode(example["pictures"], tensors)
            return tensor_of(tensors[example["features"]]).view(-1, width)

        with self.base.autocast():
            return collate(examples, tensors, self.world.device, features_of)

    def _use(self):
        """Makes this adapter the active one."""
        name = None if self.lora is None else self.key
        if self.base.active != name:
            adapters.activate(self.base.text, name)
            self.base.active = name

    def _recompute(self, on: bool):
        """Keeps only what goes from layer to layer in a forward pass, and computes the rest again for the backward pass."""
        if not self.training["gradientCheckpointing"]:
            return
        text = self.base.text.model
        text.train(on)
        if on:
            text.gradient_checkpointing_enable({"use_reentrant": False})
        else:
            text.gradient_checkpointing_disable()

    def _adamw(self) -> torch.optim.AdamW:
        options = self.training["optimizer"]
        return torch.optim.AdamW(
            self.parameters.values(),
            lr=0.0,
            betas=(options["beta1"], options["beta2"]),
            eps=options["eps"],
            weight_decay=options["weightDecay"],
        )

    def _moments(self, parameter) -> dict:
        state = self.optimizer.state[parameter]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state
