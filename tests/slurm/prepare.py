"""What a cluster needs before its daemons start: the programs, and one folder with its configuration."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

NODES = ("n1", "n2")
PACKAGES = ("slurm-wlm", "munge")
PROGRAMS = ("sbatch", "slurmctld", "slurmd", "munged")

# Daemons are in /usr/sbin, which is not on every user's PATH.
SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

# - cred_expire is also how long a requeued job waits before it may start again: 120 seconds unless set.
# - No InAddrAny: the daemons listen on the loopback interface only.
# - The scheduler runs every second, where the defaults wait 3 to 60 seconds.
# - linuxproc, task/none and config_overrides: no cgroups, and nodes may be declared larger than the machine is.
# - Memory is not counted, but a job may ask for it: `--mem` is held against RealMemory.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MpiDefault=none
MailProg=/bin/true
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
ReturnToService=2
JobRequeue=1
GresTypes=gpu
KillWait=5
MinJobAge=3600
{nodes}
PartitionName=main Nodes={names} Default=YES DefaultTime=10 MaxTime=INFINITE State=UP
"""


def install() -> None:
    """Install SLURM and MUNGE where they are missing and can be installed (seconds); else say what to install."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=SEARCH)]
    if not missing:
        return
    wanted = f"this machine lacks {', '.join(missing)}: install {' and '.join(PACKAGES)} (Debian, Ubuntu)"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise RuntimeError(wanted)
    # Another apt may be at work. The packages' own services need a /etc/slurm/slurm.conf, which we do not write.
    apt = ["apt-get", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ([*apt, "install", *PACKAGES], [*apt, "update"], [*apt, "install", *PACKAGES]):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, check=False)
        if done.returncode == 0 and "install" in command:
            return
    raise RuntimeError(f"{wanted}; apt-get says: {done.stderr.strip()[-2000:]}")


def configure(folder: Path, cpus: int = 1, gpus: int = 0) -> Path:
    """Write slurm.conf and what it refers to; nodes may be declared to have what this machine has not, GPUs too."""
    for needed in ("logs", "state", *(f"spool/{node}" for node in NODES)):
        (folder / needed).mkdir(parents=True)
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    host = socket.gethostname().split(".")[0]
    controller_port, *node_ports = _free_ports(1 + len(NODES))
    node = "NodeName={} NodeHostname={} NodeAddr=127.0.0.1 Port={} CPUs={cpus} RealMemory=65536{gres} State=UNKNOWN"
    configuration = folder / "slurm.conf"
    for gpu in range(gpus):  # a file each is what a daemon counts
        (folder / f"gpu{gpu}").touch()
    (folder / "gres.conf").write_text(f"Name=gpu File={folder}/gpu[0-{gpus - 1}]\n" if gpus else "")
    configuration.write_text(
        CONFIGURATION.format(
            host=host,
            controller_port=controller_port,
            user=user(),
            folder=folder,
            nodes="\n".join(
                node.format(name, host, port, cpus=cpus, gres=f" Gres=gpu:{gpus}" if gpus else "")
                for name, port in zip(NODES, node_ports, strict=True)
            ),
            names=",".join(NODES),
        )
    )
    return configuration


def user() -> str:
    """Whose processes and jobs these are; not the environment's LOGNAME, which `su` and `sudo` may leave behind."""
    return pwd.getpwuid(os.geteuid()).pw_name


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on; all are held until all are known, so that they differ."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
