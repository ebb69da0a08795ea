#!/usr/bin/env python3
"""A stand-in for Python and for the worker: says that it has all packages, takes what a worker takes, computes nothing, and answers at
once. Features are zeros in bfloat16, as wide as those of the 7B model; all answers are equally likely."""

import json
import math
import os
import sys

WIDTH = 3584

if "-c" in sys.argv:
    versions = {"python": "3.12.0", "torch": "2.13.0", "transformers": "5.17.0", "peft": "0.21.0"}
    facts = {"device": "cpu", "devices": 1, "names": ["none"], "memories": [], "hasBfloat16": True}
    print(json.dumps({"versions": versions, **facts}))
    sys.exit(0)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "engine-torch"))
from array import array  # noqa: E402

from link import Closed, Link  # noqa: E402


def answer_to(header: dict, tensors: list) -> tuple[dict, list]:
    if header["op"] == "encode":
        rows = 0
        for picture in header["pictures"]:
            count, height, width, _ = tensors[picture["frames"]][1]
            side = picture["patchSize"] * picture["mergeSize"]
            rows += math.ceil(count / picture["temporalPatchSize"]) * (height // side) * (width // side)
        return {}, [("bf16", [rows, WIDTH], bytes(2 * rows * WIDTH))]
    if header["op"] == "predict":
        tree = header["tree"]
        columns = len(tree["columns"])
        count = len(header["examples"]) * tree["nodes"] * columns
        values = array("f", [-math.log(columns)]) * count
        return {}, [("f32", [len(header["examples"]), tree["nodes"], columns], values.tobytes())]
    return {}, []


link = Link(os.environ["IOVQA_LINK"], os.environ["IOVQA_TOKEN"], 0)
link.beat()
link.read_ahead()
link.send({"op": "ready", "versions": {}, "size": 1, "device": "none"})
try:
    while True:
        header, tensors = link.receive()
        answer, parts = answer_to(header, tensors)
        link.send({"op": "done", "id": header["id"], **answer}, parts)
except (Closed, BrokenPipeError):
    os._exit(0)
