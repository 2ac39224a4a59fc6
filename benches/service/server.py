"""`depeche serve` and the commands that ask it."""

import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/depeche"
MEGABYTE = 1e6


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"^model name\s*:\s*(.*)$", info, re.MULTILINE)
    date, cores = datetime.date.today().isoformat(), len(os.sched_getaffinity(0))
    return f"{date}, {name[1] if name else 'unknown processor'}, {cores} cores, load {os.getloadavg()[0]:.1f}"


def depeche(*arguments):
    """Standard output of a command, which must succeed."""
    command = [str(part) for part in [BINARY, *arguments]]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout


class Server:
    """A server on free ports, ready; ended with the block."""

    def __init__(self, *flags):
        command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "json", *flags]
        started = time.perf_counter()
        self.process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            told = json.loads(line)
            told = told.get("fields", told)
            if told.get("message") == "bound":
                self.grpc, self.admin = told["grpc"], told["admin"]
                self.wait_until_ready()
                break
        else:
            sys.exit(f"the server ended: {' '.join(map(str, command))}")
        self.ready_seconds = time.perf_counter() - started
        # Its log goes on into the void, so that it never waits for us.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    def wait_until_ready(self):
        while True:
            try:
                with urllib.request.urlopen(f"http://{self.admin}/readyz", timeout=5):
                    return
            except OSError:  # refused, or an answer that says: not yet
                time.sleep(0.001)

    @property
    def url(self):
        return f"http://{self.grpc}"

    def memory(self):
        """Resident bytes: `VmRSS` in all, `RssAnon` without the mapped files, `VmHWM` the greatest so far."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return {key: int(value) * 1024 for key, value in re.findall(r"^(VmRSS|RssAnon|VmHWM):\s+(\d+) kB$", status, re.MULTILINE)}

    def answered(self):
        """Requests that ended well."""
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=5) as page:
            counts = re.findall(r'^depeche_requests_total\{.*"OK".*\} (\d+)$', page.read().decode(), re.MULTILINE)
        return sum(map(int, counts))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.drain.wait()
