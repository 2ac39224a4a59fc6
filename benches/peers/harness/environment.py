"""A peer's own Python environment below `target/peers`, and how commands run."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

PEERS = pathlib.Path(__file__).resolve().parents[1]
TARGET = PEERS.parents[1] / "target/peers"

# What makes a peer slower, or give it other threads than it is told, if the caller has set it.
UNSET = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "DEPECHE_KERNEL"]


def run(command, **environment):
    """Standard output of a command, which must succeed."""
    clean = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [str(part) for part in command]
    done = subprocess.run(command, capture_output=True, text=True, env={**clean, **environment})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout


class Environment:
    """With what `requirements/NAME.txt` lists, installed when it is not there yet or was made from another list.
    `settings` are for the build of what has to be built."""

    def __init__(self, name, **settings):
        self.folder = TARGET / name
        requirements = PEERS / "requirements" / f"{name}.txt"
        told = requirements.read_text() + json.dumps(settings, sort_keys=True)
        stamp = self.folder / "made-from"
        digest = hashlib.sha256(told.encode()).hexdigest()
        if stamp.exists() and stamp.read_text() == digest:
            return
        print(f"installing {name} into {self.folder}", file=sys.stderr, flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        run([sys.executable, "-m", "venv", self.folder])
        run([self.folder / "bin/pip", "install", "--quiet", "--requirement", requirements], **settings)
        stamp.write_text(digest)

    def command(self, name):
        return self.folder / "bin" / name

    def worker(self, name, *arguments):
        """What `workers/NAME.py` prints, as JSON."""
        return json.loads(run([self.command("python"), PEERS / "workers" / f"{name}.py", *arguments]))
