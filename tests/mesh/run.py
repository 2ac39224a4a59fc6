"""What clients see of three replicas behind Envoy while replicas are killed, drained, frozen and
renewed. Everything is real: the binary, Envoy with deploy/envoy/envoy.yaml, Python's gRPC.

    python tests/mesh/run.py faults --binary target/release/depeche
    python tests/mesh/run.py rolling --binary target/release/depeche

Needs the packages of requirements.txt and, on PYTHONPATH, the stubs made from proto/ (tests/mesh/run
sees to both). Exits with 1 and says why where a promise is broken.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from load import Batch, Callers
from processes import Envoy, Replica, wait_for

REPLICAS = 3
# Of what is under way at SIGTERM, a batch may take longer, and then goes on elsewhere.
DRAIN = ["--drain-timeout", "8s"]


class Mesh:
    """Replicas, Envoy, and callers."""

    def __init__(self, binary, folder, callers):
        self.replicas = [Replica(binary, folder, number, DRAIN) for number in range(REPLICAS)]
        for replica in self.replicas:
            replica.start()
        for replica in self.replicas:
            replica.wait_ready()
        self.envoy = Envoy(folder, self.replicas)
        self.target = f"127.0.0.1:{self.envoy.listener}"
        self.callers = Callers(self.target, callers)

    def stop(self):
        self.callers.end()
        self.envoy.stop()
        for replica in self.replicas:
            replica.stop()

    def wait_healthy(self, count):
        wait_for(self.envoy.has_healthy(count), f"{count} replicas are healthy")


class Report:
    """Lines for people, and the promises that were broken."""

    def __init__(self):
        self.began, self.broken = time.monotonic(), []

    def say(self, line):
        print(f"{time.monotonic() - self.began:6.1f} s  {line}", flush=True)

    def promise(self, held, line):
        self.say(f"{'held' if held else 'BROKEN'}: {line}")
        if not held:
            self.broken.append(line)


def spread(mesh, seconds, report, ports=None):
    """How evenly calls go to the replicas of these ports (all) in that time."""
    before = mesh.envoy.calls()
    time.sleep(seconds)
    after = mesh.envoy.calls()
    counts = [after[port] - before[port] for port in ports or after]
    mean = sum(counts) / len(counts)
    off = max(abs(count - mean) for count in counts) / mean
    report.promise(off <= 0.2, f"calls spread {counts}: at most {off:.0%} off their mean")


def faults(mesh, duration, documents, report):
    """One replica is killed, one drained and started again, one frozen, all under load."""
    began = time.monotonic()
    killed, drained, frozen = mesh.replicas
    phase = duration / 8
    spread(mesh, phase, report)
    batch = Batch(mesh.target, documents)
    batch.start()
    time.sleep(phase / 4)

    report.say("SIGKILL")
    kill(mesh, killed)
    start(mesh, killed)

    report.say("SIGTERM")
    drained.signal(signal.SIGTERM)
    code = drained.wait_ended()
    report.promise(code == 0, f"the drained replica ended with {code}")
    start(mesh, drained)

    report.say("SIGSTOP")
    frozen.signal(signal.SIGSTOP)
    wait_for(lambda: frozen.grpc not in mesh.envoy.healthy(), "the frozen replica is taken out")
    time.sleep(phase)
    frozen.signal(signal.SIGCONT)
    mesh.wait_healthy(3)

    # A batch is one call to Envoy and much work to its replica: evenness is for without one.
    batch.join()
    report.say("SIGKILL, without a batch")
    kill(mesh, killed)
    spread(mesh, phase, report, [drained.grpc, frozen.grpc])
    start(mesh, killed)
    time.sleep(max(0.0, duration - phase - (time.monotonic() - began)))
    spread(mesh, phase, report)

    wanted = {str(number) for number in range(documents)}
    report.say(f"the batch took {batch.streams} streams; broken by {batch.errors}")
    report.promise(batch.streams > 1, "the batch was hit and went on")
    report.promise(batch.answers.keys() == wanted, f"{documents} documents, none is missing")
    report.promise(batch.repeated == 0, f"{batch.repeated} documents were answered twice")
    report.promise(batch.wrong() == 0, f"{batch.wrong()} answers belong to another document")


def kill(mesh, replica):
    """Until Envoy sends nothing there."""
    replica.signal(signal.SIGKILL)
    replica.wait_ended()
    wait_for(lambda: replica.grpc not in mesh.envoy.healthy(), "the dead replica is taken out")


def start(mesh, replica):
    """Until Envoy sends calls there again."""
    replica.start()
    replica.wait_ready()
    mesh.wait_healthy(REPLICAS)


def rolling(mesh, duration, report):
    """Every replica is ended and started again, one after the other."""
    for replica in mesh.replicas:
        time.sleep(duration / len(mesh.replicas) / 2)
        report.say(f"SIGTERM to replica {replica.number}")
        replica.signal(signal.SIGTERM)
        code = replica.wait_ended()
        report.promise(code == 0, f"replica {replica.number} ended with {code}")
        start(mesh, replica)
        time.sleep(duration / len(mesh.replicas) / 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=["faults", "rolling"])
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--logs", type=Path, help="where to keep the processes' logs")
    options = parser.parse_args()
    folder = options.logs or Path(tempfile.mkdtemp(prefix="mesh-"))
    folder.mkdir(parents=True, exist_ok=True)
    report = Report()
    mesh = Mesh(options.binary.resolve(), folder, options.callers)
    try:
        report.say("three replicas and Envoy are ready")
        if options.what == "faults":
            faults(mesh, options.seconds, options.documents, report)
        else:
            rolling(mesh, options.seconds, report)
    finally:
        mesh.callers.end()
        callers = mesh.callers
        report.say(
            f"{len(callers.seconds)} calls answered; p50 {callers.percentile(0.5):.3f} s, "
            f"p99 {callers.percentile(0.99):.3f} s, slowest {callers.percentile(1):.3f} s; "
            f"Envoy retried {mesh.envoy.counter('upstream_rq_retry')}, "
            f"with success {mesh.envoy.counter('upstream_rq_retry_success')}"
        )
        mesh.stop()
    report.promise(not callers.failures, f"{len(callers.failures)} calls failed")
    for failure in sorted(set(callers.failures)):
        report.say(f"  {failure}")
    report.promise(callers.wrong == 0, f"{callers.wrong} answers belong to another text")
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
