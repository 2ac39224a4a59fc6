"""The processes of a mesh on loopback: replicas of the service, and Envoy with the configuration of
deploy/envoy/ in front of them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def wait_for(condition, what, within=READY_WITHIN):
    """Polls until the condition holds; ends with what was waited for."""
    give_up = time.monotonic() + within
    while time.monotonic() < give_up:
        if condition():
            return
        time.sleep(0.05)
    raise TimeoutError(f"{what}: not within {within} s")


class Replica:
    """One `depeche serve`, with ports that stay when it is started again."""

    def __init__(self, binary, folder, number, arguments=()):
        self.binary, self.number, self.arguments = binary, number, list(arguments)
        self.grpc, self.admin = free_port(), free_port()
        self.log = open(folder / f"replica-{number}.log", "ab")
        self.process = None

    def start(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DEPECHE_")}
        environment["OTEL_BSP_SCHEDULE_DELAY"] = "200"
        # The same texts are sent again and again, and are to be under way when something happens.
        environment["DEPECHE_CACHE_BYTES"] = "0"
        self.process = subprocess.Popen(
            [self.binary, "serve"]
            + ["--listen", f"127.0.0.1:{self.grpc}", "--admin", f"127.0.0.1:{self.admin}"]
            + ["--inference-threads", "1", *self.arguments],
            cwd=ROOT,
            env=environment,
            stderr=self.log,
        )

    def is_ready(self):
        try:
            return get(f"http://127.0.0.1:{self.admin}/readyz").startswith("ready")
        except (urllib.error.URLError, OSError):
            return False

    def wait_ready(self):
        wait_for(self.is_ready, f"replica {self.number} gets ready")

    def signal(self, which):
        self.process.send_signal(which)

    def wait_ended(self, within=60):
        return self.process.wait(timeout=within)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        self.log.close()


class Envoy:
    """The Envoy binary, with deploy/envoy/envoy.yaml of which only addresses are changed."""

    def __init__(self, folder, replicas, collector=None):
        self.listener, self.admin = free_port(), free_port()
        config = yaml.safe_load((ROOT / "deploy/envoy/envoy.yaml").read_text())
        set_address(config["admin"]["address"], self.admin)
        resources = config["static_resources"]
        (listener,) = resources["listeners"]
        set_address(listener["address"], self.listener)
        for cluster in resources["clusters"]:
            (group,) = cluster["load_assignment"]["endpoints"]
            ports = {
                "depeche": [replica.grpc for replica in replicas],
                "otel_collector": [collector or free_port()],
            }[cluster["name"]]
            group["lb_endpoints"] = [endpoint(port) for port in ports]
        path = folder / "envoy.json"
        path.write_text(json.dumps(config))
        self.log = open(folder / "envoy.log", "ab")
        binary = Path(sys.executable).with_name("envoy")
        self.process = subprocess.Popen(
            [binary, "--config-path", path, "--concurrency", "2"]
            + ["--use-dynamic-base-id", "--log-level", "warning"],
            stdout=self.log,
            stderr=self.log,
        )
        wait_for(self.has_healthy(len(replicas)), "Envoy finds the replicas healthy")

    def hosts(self):
        """Of the replicas' cluster, by port."""
        told = json.loads(get(f"http://127.0.0.1:{self.admin}/clusters?format=json"))
        for cluster in told["cluster_statuses"]:
            if cluster["name"] == "depeche":
                return {
                    host["address"]["socket_address"]["port_value"]: host
                    for host in cluster.get("host_statuses", [])
                }
        return {}

    def healthy(self):
        """Ports of the replicas that get calls."""
        failures = ["failed_active_health_check", "failed_outlier_check"]
        return {
            port
            for port, host in self.hosts().items()
            if not any(host["health_status"].get(failure) for failure in failures)
        }

    def has_healthy(self, count):
        def condition():
            try:
                return len(self.healthy()) == count
            except (urllib.error.URLError, OSError):
                return False

        return condition

    def calls(self):
        """How many calls each replica got so far, by port."""
        return {
            port: sum(int(s.get("value", 0)) for s in host["stats"] if s["name"] == "rq_total")
            for port, host in self.hosts().items()
        }

    def counter(self, name):
        told = get(f"http://127.0.0.1:{self.admin}/stats?filter=^cluster.depeche.{name}$")
        return int(told.split(":")[1]) if ":" in told else 0

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def endpoint(port):
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"endpoint": {"address": address}}


def set_address(address, port):
    address["socket_address"] = {"address": "127.0.0.1", "port_value": port}
