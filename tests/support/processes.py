"""Runs programs with a blocking gateway as a global, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

SUPPORT = Path(__file__).resolve().parent
SETUP = """
import os, sys, threading
from toy_vendor import Toy, ToyServer
from pushgateway import Certificate, Notification, Push, PushToken
from pushgateway.sync import Gateway

server = ToyServer()
gateway = Gateway([Certificate(1, "toy", {"secret": "x"})], transport=server, vendors={"toy": Toy})
note = Notification("title", "body")

def pushes():
    number = 0
    while True:
        number += 1
        yield Push(PushToken(1, f"k{number}"), note)

assert gateway.send(PushToken(1, "a"), note).ok
"""
SECONDS = 30
"""A limit far above what such a program takes."""


def run(program: str, *arguments: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program after `SETUP` in a process of its own. `before` is inserted before everything else."""
    # Sockets and loops left open would be reported on stderr. The warning of Python 3.12 and later about a fork beside
    # threads is ignored: that fork is what these tests are about.
    options = ["-W", "always::ResourceWarning", "-W", "ignore:This process:DeprecationWarning"]
    program = f"{before}\nimport sys; sys.path.insert(0, {str(SUPPORT)!r})\n{SETUP}{program}"
    command = [sys.executable, *options, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
