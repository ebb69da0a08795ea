"""Starts the workers of one machine with torchrun, and ends with Node.js. Arguments are torchrun's."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from world import die_with_parent  # noqa: E402

if __name__ == "__main__":
    die_with_parent()
    from torch.distributed.run import main

    main([*sys.argv[1:], "--no-python", sys.executable, "-I", "-B", os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")])
