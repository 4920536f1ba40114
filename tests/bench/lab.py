"""The place a benchmark runs in: a network namespace, a cgroup and processes of its own, all gone at the end."""

import ctypes
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

INSIDE = "FLOWFOLD_BENCH_INSIDE"
HOST = "127.0.0.1"
PR_SET_PDEATHSIG = 1
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 15


def enter_own_namespace():
    """Starts this program again in a network namespace of its own, which goes when its last process does.

    Without the privilege it stays where it is: everything but steering can be measured there too.
    """
    if os.environ.get(INSIDE) or subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode:
        return
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


def raise_descriptor_limit():
    """Takes all descriptors that this user may have; children inherit the limit. Returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def cgroup2_mount():
    """Where the unified cgroup hierarchy is mounted, from the mount table."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[fields.index("-") + 1] == "cgroup2":
            return pathlib.Path(fields[4])
    return None


class Lab:
    """Owns the namespace, a scratch directory, a cgroup and every process started. Use it in a `with`."""

    def __init__(self):
        self.isolated = bool(os.environ.get(INSIDE))
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="flowfold-bench-"))
        # nginx may start as root and then read its files as somebody else
        self.directory.chmod(0o755)
        self.cgroup = None
        self.running = []
        if self.isolated:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            # 9,000 held connections take 18,000 ports here: a client's and a proxy's each
            pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("10240 65000")
            self._make_cgroup()

    def _make_cgroup(self):
        mount = cgroup2_mount()
        if mount is None:
            return
        cgroup = mount / f"flowfold-bench-{os.getpid()}"
        try:
            cgroup.mkdir()
        except OSError as error:
            print(f"no cgroup of our own ({error}): steering is left out", file=sys.stderr)
            return
        self.cgroup = cgroup

    def start(self, command, *, in_cgroup=False, log=None):
        """Starts a process that ends with this one. Its output goes to a file of the scratch directory."""
        log = self.directory / f"{log or pathlib.Path(command[0]).name}.log"
        cgroup = self.cgroup if in_cgroup else None

        def in_child():
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if cgroup is not None:
                (cgroup / "cgroup.procs").write_text("0")

        with open(log, "ab") as out:
            process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       preexec_fn=in_child)
        process.log = log
        self.running.append(process)
        return process

    def stop(self, process):
        """Ends a process started here, politely and then not."""
        if process in self.running:
            self.running.remove(process)
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(list(self.running)):
            self.stop(process)
        if self.cgroup is not None:
            until(lambda: not (self.cgroup / "cgroup.procs").read_text(), "the bench's cgroup to empty")
            self.cgroup.rmdir()
        shutil.rmtree(self.directory)


def until(condition, what, seconds=20):
    """Waits, bounded, until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {seconds} s in vain for {what}")
        time.sleep(0.01)


def process_tree(pid):
    """The process and its children's children: nginx works in a child, for one."""
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            pids += process_tree(int(child))
    return pids


def cpu_seconds(pid):
    """User and system time that a process and its children have used, from /proc/PID/stat."""
    total = 0
    for each in process_tree(pid):
        # the command name before the last parenthesis may hold spaces; utime and stime are fields 14 and 15
        fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / CLOCK_TICKS


def resident_bytes(pid):
    """Resident memory of a process and its children, from /proc/PID/status."""
    total = 0
    for each in process_tree(pid):
        for line in pathlib.Path(f"/proc/{each}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total
