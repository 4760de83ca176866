"""Ranks on several hosts: network namespaces that reach each other over TCP alone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HOSTS = 3
MPIEXEC = Path(sys.prefix) / "bin" / "mpiexec"
LAYERS = [
    {"conv2d": {"filters": 8, "kernel": 3, "activation": "relu"}},
    "batch_norm",
    "flatten",
    {"dense": {"units": 10}},
]
REMOTE = """#!/bin/sh
# as ssh: OPTIONS HOST COMMAND..., in the namespace whose number ends the address of the host
while [ "${1#-}" != "$1" ]; do shift; done
host=$1
shift
exec ip netns exec "PREFIX${host##*.}" sh -c "$*"
"""


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


@pytest.fixture
def hosts():
    """The prefix of the names of namespaces 1, 2, ..., which are on one switch, 10.99.0.0/24."""
    if shutil.which("ip") is None or not MPIEXEC.is_file():
        pytest.skip("no ip (Debian's package is: iproute2), or no mpiexec (scripts/test.sh)")
    prefix, switch = f"cnntrain{os.getpid()}-", f"cnn{os.getpid() % 10**6}"
    if ip("netns", "add", f"{prefix}0").returncode:
        pytest.skip("no right to make network namespaces; run this test as root")
    try:
        inside = ("-n", f"{prefix}0")
        ip(*inside, "link", "add", switch, "type", "bridge")
        ip(*inside, "link", "set", switch, "up")
        for k in range(1, HOSTS + 1):
            connect(prefix, k, switch)
        yield prefix
    finally:
        for k in range(HOSTS + 1):
            ip("netns", "del", f"{prefix}{k}")


def connect(prefix, k, switch):
    """A namespace of its own for host k, with a cable to the switch."""
    own, centre = f"{prefix}{k}", f"{prefix}0"
    ip("netns", "add", own)
    port = (f"port{k}", "netns", centre)
    ip("-n", own, "link", "add", "eth0", "type", "veth", "peer", "name", *port)
    ip("-n", own, "addr", "add", f"10.99.0.{k}/24", "dev", "eth0")
    for device in ("lo", "eth0"):
        ip("-n", own, "link", "set", device, "up")
    ip("-n", centre, "link", "set", f"port{k}", "master", switch)
    made = ip("-n", centre, "link", "set", f"port{k}", "up")
    if made.returncode:
        pytest.skip(f"no network between namespaces: {made.stderr.strip()}")


def sent_bytes(namespace):
    """By a host, over its cable."""
    content = ip("netns", "exec", namespace, "cat", "/proc/net/dev").stdout
    line = next(line for line in content.splitlines() if "eth0:" in line)
    return int(line.partition(":")[2].split()[8])


@pytest.mark.slow
def test_hosts_that_share_nothing_but_a_network_give_the_same_bits(hosts, config_file, tmp_path):
    path = config_file(
        data={"source": "digits"}, network=LAYERS, train={"epochs": 2, "batch_size": 600}
    )
    fit = [sys.executable, "-m", "cnntrain", "fit", path, "-q", "--out"]
    subprocess.run([*fit, "alone"], cwd=tmp_path, check=True)
    remote = tmp_path / "remote.sh"
    remote.write_text(REMOTE.replace("PREFIX", hosts))
    remote.chmod(0o755)
    names = ",".join(f"10.99.0.{k}" for k in range(1, HOSTS + 1))
    launch = [MPIEXEC, "-launcher", "ssh", "-launcher-exec", remote, "-hosts", names, "-ppn", "1"]
    job = ["ip", "netns", "exec", f"{hosts}1", *launch, "-n", str(HOSTS), *fit, "together"]
    only_tcp = {**os.environ, "UCX_TLS": "tcp,self", "FI_PROVIDER": "tcp"}
    done = subprocess.run(
        job, cwd=tmp_path, env=only_tcp, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    found = [
        json.loads((tmp_path / run / "summary.json").read_text())["weights_sha256"]
        for run in ("alone", "together")
    ]
    assert found[0] == found[1]
    assert all(sent_bytes(f"{hosts}{k}") > 50_000 for k in range(1, HOSTS + 1))
