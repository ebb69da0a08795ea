"""Starts the workers of one machine with torchrun, and ends with Node.js. Arguments are torchrun's."""

import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from world import die_with_parent  # noqa: E402


def listen(address: str, port: int):
    """Opens the store where the processes of all machines find each other, on one address: torchrun, which would open it on all of them,
    takes the server of its own process that has this port."""
    from torch.distributed import TCPStore

    listener = socket.create_server((address, port), backlog=1024)
    return TCPStore(address, port, is_master=True, wait_for_workers=False, multi_tenant=True, master_listen_fd=listener.detach())


if __name__ == "__main__":
    die_with_parent()
    from torch.distributed.run import main

    options = dict(argument[2:].split("=", 1) for argument in sys.argv[1:])
    store = listen(options["master-addr"], int(options["master-port"])) if options["node-rank"] == "0" else None
    main([*sys.argv[1:], "--no-python", sys.executable, "-I", "-B", os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")])
