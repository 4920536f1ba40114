//! Child processes in namespaces and cgroups, which end with the tests.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::cgroup::Cgroup;
use crate::eventually::{PATIENCE, within};
use crate::netns::Netns;

/// A command to start, and where.
///
/// `nsenter` enters the namespace: `ip netns exec` would mount another `/sys` over the cgroup file systems.
#[derive(Debug)]
pub struct Launch {
    cgroup: Option<PathBuf>,
    netns: Option<PathBuf>,
    unprivileged: bool,
    command: Vec<OsString>,
}

impl Launch {
    /// Starts `program`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { cgroup: None, netns: None, unprivileged: false, command: vec![program.as_ref().to_owned()] }
    }

    /// With one more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.push(argument.as_ref().to_owned());
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Inside of a network namespace.
    #[must_use]
    pub fn inside(mut self, netns: &Netns) -> Self {
        self.netns = Some(netns.path());
        self
    }

    /// As a member of a cgroup.
    #[must_use]
    pub fn member_of(mut self, cgroup: &Cgroup) -> Self {
        self.cgroup = Some(cgroup.path().to_owned());
        self
    }

    /// As a user who may nothing: no capability, and no way to any.
    #[must_use]
    pub fn unprivileged(mut self) -> Self {
        self.unprivileged = true;
        self
    }

    fn command(&self) -> Command {
        let mut line: Vec<OsString> = Vec::new();
        if let Some(cgroup) = &self.cgroup {
            line.extend(["sh", "-c", "echo 0 > \"$0/cgroup.procs\" && exec \"$@\""].map(OsString::from));
            line.push(cgroup.into());
        }
        if let Some(netns) = &self.netns {
            line.push("nsenter".into());
            let mut flag = OsString::from("--net=");
            flag.push(netns);
            line.push(flag);
        }
        line.extend(["setpriv", "--pdeathsig", "KILL"].map(OsString::from));
        if self.unprivileged {
            let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"];
            line.extend(nobody.map(OsString::from));
        }
        line.extend(self.command.iter().cloned());
        let (program, arguments) = line.split_first().expect("there is a program");
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs it to its end, which is bounded, and returns what it wrote.
    pub fn output(&self) -> Output {
        let directory = tempfile::tempdir().expect("a directory for the output");
        let mut process = self.start(directory.path(), "command");
        let status = process.wait(Duration::from_mins(2));
        let read = |path: &Path| fs::read(path).expect("the output can be read");
        Output { status, stdout: read(&process.stdout), stderr: read(&process.stderr) }
    }

    /// Runs it to its end and returns its standard output. Panics where it fails.
    pub fn stdout(&self) -> String {
        let output = self.output();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {}: {said}", self.command, output.status);
        String::from_utf8(output.stdout).expect("the output is text")
    }

    /// Starts it; its output goes to files in `directory`.
    pub fn start(&self, directory: &Path, name: &str) -> Process {
        let stdout = directory.join(format!("{name}.out"));
        let stderr = directory.join(format!("{name}.err"));
        let append = |path: &Path| File::options().create(true).append(true).open(path).expect("a log file");
        let child = self
            .command()
            .stdout(append(&stdout))
            .stderr(append(&stderr))
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} does not start: {error}", self.command));
        Process { child, name: name.to_owned(), stdout, stderr }
    }
}

/// A child that runs. Killed on drop; where the test has failed, what it said is printed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    name: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Its process id. The programs that set up its place replaced themselves by it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let raw = i32::try_from(self.child.id()).expect("a process id fits");
        let pid = Pid::from_raw(raw).expect("a process id is positive");
        kill_process(pid, signal).expect("the process is there");
    }

    /// What it has written to its standard output so far.
    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.stdout).expect("the output can be read")
    }

    /// What it has written to its standard error so far.
    pub fn stderr(&self) -> String {
        fs::read_to_string(&self.stderr).expect("the output can be read")
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child can be asked for")
    }

    /// Waits for its end and tells how it was.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        within(patience, "a child's end", || self.ended())
    }

    /// Asks it to end and waits until it has.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait(PATIENCE)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // an error means that it has ended already
        drop(self.child.kill());
        drop(self.child.wait());
        if thread::panicking() {
            for path in [&self.stdout, &self.stderr] {
                let said = fs::read_to_string(path).unwrap_or_default();
                report(&format!("---- {} {}\n{said}", self.name, path.display()));
            }
        }
    }
}

/// Shows something beside a failure.
#[expect(clippy::print_stderr, reason = "this is where a failing test tells why")]
fn report(text: &str) {
    eprintln!("{text}");
}
