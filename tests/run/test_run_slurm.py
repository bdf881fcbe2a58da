"""The stages as jobs of a real Slurm, in which this machine is the controller and the only node."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ..programs import QUIET

pytestmark = pytest.mark.slow

#: Slurm's programs look here: Snakemake's executor takes SLURM_CONF out of their environment.
SETTINGS = Path("/etc/slurm/slurm.conf")
MUNGE = Path("/run/munge")
TEMPLATE = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=8000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
SHORT = (
    *("--set", "max_steps=2", "per_device_train_batch_size=4", "max_samples=50"),
    *("--set-predict", "max_new_tokens=4"),
)


@pytest.fixture(scope="module")
def cluster(
    lacks: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A running Slurm; its folder holds the logs."""
    if not all(map(shutil.which, ("slurmctld", "slurmd", "munged"))):
        lacks("Slurm is not installed: apt-get install slurm-wlm munge")
    if os.getuid() or SETTINGS.exists():
        lacks(f"the test writes {SETTINGS}, as root, where no Slurm is set up yet")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    MUNGE.mkdir(exist_ok=True)
    shutil.chown(MUNGE, "munge")
    # A socket may be left by one that has ended.
    if subprocess.run(["munge", "--no-input"], capture_output=True, check=False).returncode:
        subprocess.run(["runuser", "-u", "munge", "--", "munged", "--force"], check=True)
    filled = TEMPLATE.format(
        host=os.uname().nodename.partition(".")[0], folder=folder, cores=os.cpu_count()
    )
    try:
        SETTINGS.write_text(filled)
        for program in ("slurmctld", "slurmd"):
            subprocess.run([program], check=True)
        wait_until_idle(folder)
        yield folder
    finally:
        for file in folder.glob("*.pid"):
            subprocess.run(["kill", file.read_text().strip()], check=False)
        SETTINGS.unlink()


def wait_until_idle(folder: Path) -> None:
    for _ in range(60):
        done = subprocess.run(["sinfo", "-h"], capture_output=True, text=True, check=False)
        if "idle" in done.stdout:
            return
        time.sleep(1)
    pytest.fail((folder / "slurmctld.log").read_text()[-2000:] + done.stdout + done.stderr)


@pytest.fixture
def profile(root: Path, tmp_path: Path) -> Path:
    """The shipped profile, with as much as this machine has."""
    path = root / "workflow/profiles/slurm/config.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    found |= {"latency-wait": 10, "slurm-init-seconds-before-status-checks": 1}
    found["seconds-between-status-checks"] = 1
    found["set-threads"] = dict.fromkeys(found["set-threads"], 1)
    for resources in (found["default-resources"], *found["set-resources"].values()):
        resources["mem_mb"] = 2000
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(found))
    return tmp_path


def test_every_stage_is_a_job_up_to_the_signed_score(
    cluster: Path, profile: Path, checkout: Path, native_corpora: Path
) -> None:
    words = ["--name", "jobs", "--corpora", f"crema_d={native_corpora / 'crema_d'}", *SHORT]
    words = [sys.executable, "-m", "whyser_workflow", "--slurm", str(profile), *words]

    def run() -> str:
        done = subprocess.run(
            words,
            cwd=checkout,
            env={**os.environ, **QUIET},
            capture_output=True,
            text=True,
            check=False,
        )
        logs = (checkout / ".snakemake" / "slurm_logs").rglob("*.log")
        ends = "".join(file.read_text()[-1000:] for file in logs)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:] + ends
        return done.stdout

    said = run()
    assert (checkout / "results/jobs/report.html").is_file()
    assert '"signature"' in (checkout / "results/jobs/scores.json").read_text()
    # convert, check, cues, rationales, model, build, train, predict, baseline, score, report
    assert len(set(re.findall(r"has been submitted with SLURM jobid (\d+)", said))) == 11
    assert "nothing changed, so nothing is repeated" in run()
