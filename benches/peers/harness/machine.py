"""What it runs on."""

import datetime
import os
import pathlib

# Of the vector extensions, those that decide how fast these networks are.
TOLD = ["avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "amx_bf16"]


def field(name):
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def flags():
    return set(field("flags").split())


def description():
    known = flags()
    extensions = " ".join(flag for flag in TOLD if flag in known)
    date = datetime.date.today().isoformat()
    return f"{date}, {field('model name')}, {len(os.sched_getaffinity(0))} cores, {extensions}, load {load():.1f}"


def load():
    """Processes that ran or waited to run, on the average of the last minute."""
    return os.getloadavg()[0]
