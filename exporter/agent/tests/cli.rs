//! The binary as a user meets it, as far as that takes no privilege.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

fn flowfold(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flowfold")).args(arguments).env_remove("FLOWFOLD_LOG").output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn bad_usage_ends_with_64_and_says_so_on_stderr() {
    let cases: &[&[&str]] = &[
        &[],
        &["fly"],
        &["run", "--no-such-flag"],
        &["run", "--workers", "none"],
        &["run"],
        &["run", "--visibility", "<Sideways/80/TCP/HTTP>"],
        &["run", "--config", "/nowhere/flowfold.yaml"],
        &["check", "--visibility", "80"],
        &["proxy"],
        &["proxy", "--listen", "here", "--upstream", "there"],
        &["demo", "--for", "ever"],
        &["routes"],
        &["routes", "suggest", "--agent", "localhost"],
    ];
    for arguments in cases {
        let output = flowfold(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_bad_file_is_told_with_key_and_fix() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flowfold.yaml");
    std::fs::write(&path, "visibility: [<Ingress/80/TCP/HTTP>]\nworkrs: 2\n").unwrap();
    let name = path.to_str().unwrap();
    for command in ["run", "check"] {
        let output = flowfold(&[command, "--config", name]);
        assert_eq!(output.status.code(), Some(64));
        let told = stderr(&output);
        let wanted = format!("flowfold: {name}:2: workrs: there is no such key; did you mean `workers`?");
        assert!(told.starts_with(&wanted), "{told}");
    }
}

#[test]
fn a_directory_that_is_no_cgroup_is_bad_usage() {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().to_str().unwrap();
    let rule = "<Ingress/9080/TCP/HTTP>";
    for arguments in [
        &["run", "--visibility", rule, "--cgroup", name][..],
        &["check", "--visibility", rule, "--cgroup", name],
        &["check", "--cgroup", name],
    ] {
        let output = flowfold(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", stderr(&output));
        let wanted = format!(
            "flowfold: --cgroup: {name} is not in a cgroup2 file system; \
             give a directory of the cgroup2 tree, or leave it out for all processes\n"
        );
        assert_eq!(stderr(&output), wanted, "{arguments:?}");
    }
}

/// Runs it with a reader of its stdout that goes after so many lines, and returns the exit code and stderr.
fn with_reader_of(lines: usize, arguments: &[&str]) -> (Option<i32>, String) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_flowfold"))
        .args(arguments)
        .env_remove("FLOWFOLD_LOG")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(process.stdout.take().unwrap());
    for _ in 0..lines {
        out.read_line(&mut String::new()).unwrap();
    }
    drop(out);
    let output = process.wait_with_output().unwrap();
    (output.status.code(), stderr(&output))
}

#[test]
fn too_few_open_files_are_told_in_one_message() {
    let wanted = "flowfold: the limit of open files is 60, and 256 are needed; \
                  raise it with `ulimit -n 256`, or with LimitNOFILE= in a systemd unit\n";
    for command in [
        "run --workers 1 --visibility '<Egress/80/TCP/HTTP>' --metrics 127.0.0.1:0",
        "proxy --workers 1 --listen 127.0.0.1:0 --upstream 127.0.0.1:1 --metrics 127.0.0.1:0",
    ] {
        let script = format!("ulimit -n 60; exec timeout 10 '{}' {command}", env!("CARGO_BIN_EXE_flowfold"));
        let output = Command::new("sh").args(["-c", &script]).env_remove("FLOWFOLD_LOG").output().unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(1), wanted), "{command}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    assert_eq!(with_reader_of(0, &["check", "--print-example"]), (Some(0), String::new()));
    // What is found depends on the host, and not on how much of it is read.
    let found = flowfold(&["check", "--metrics", "127.0.0.1:0"]).status.code();
    assert_eq!(with_reader_of(0, &["check", "--metrics", "127.0.0.1:0"]), (found, String::new()));
    for lines in [0, 1] {
        let (code, told) = with_reader_of(lines, &["demo", "--for", "1s", "--metrics", "127.0.0.1:0"]);
        assert_eq!(code, Some(0), "{told}");
        assert!(!told.contains("pipe"), "{told}");
    }
}

#[test]
fn a_configuration_without_end_is_refused() {
    let output = flowfold(&["check", "--config", "/dev/zero"]);
    assert_eq!(output.status.code(), Some(64));
    let wanted = "flowfold: /dev/zero: is longer than 1 MiB, which is no configuration; \
                  give --config a YAML file of at most 1 MiB\n";
    assert_eq!(stderr(&output), wanted);
}

#[test]
fn a_configuration_may_come_through_a_pipe() {
    let mut check = Command::new(env!("CARGO_BIN_EXE_flowfold"))
        .args(["check", "--config", "/dev/stdin"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(b"workrs: 2\n").unwrap();
    let told = stderr(&check.wait_with_output().unwrap());
    assert!(told.starts_with("flowfold: /dev/stdin:1: workrs: there is no such key"), "{told}");
}

#[test]
fn answers_go_to_stdout_and_end_with_0() {
    for arguments in
        [&["--help"][..], &["run", "--help"], &["demo", "-h"], &["--version"], &["check", "--print-example"]]
    {
        let output = flowfold(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
    let version = flowfold(&["--version"]).stdout;
    assert_eq!(String::from_utf8(version).unwrap(), concat!("flowfold ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn an_address_in_use_ends_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = flowfold(&["proxy", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1", "--metrics", &address]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    assert!(told.contains(&format!("cannot serve /metrics on {address}")), "{told}");
    assert!(told.contains("choose another address"), "{told}");
}

#[test]
fn a_demo_without_its_address_tells_that_alone() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = flowfold(&["demo", "--for", "1s", "--metrics", &address]);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    let lines: Vec<_> = told.lines().filter(|line| line.starts_with("flowfold: ")).collect();
    let [line] = lines[..] else { panic!("{told}") };
    assert!(line.starts_with(&format!("flowfold: cannot serve /metrics on {address}")), "{told}");
}

/// The processes that this one has started and that still run, with their command lines.
fn children_of(process: &Child) -> Vec<(i32, String)> {
    let pid = process.id();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let children = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let pids = children.collect::<String>();
    let with_line = |pid: &str| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        Some((pid.parse().ok()?, line.replace('\0', " ")))
    };
    pids.split_ascii_whitespace().filter_map(with_line).collect()
}

#[test]
fn a_process_of_the_demo_that_dies_is_named() {
    for role in ["client", "ratings"] {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_flowfold"))
            .args(["demo", "--for", "60s", "--metrics", "127.0.0.1:0"])
            .env_remove("FLOWFOLD_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(demo.stdout.take().unwrap());
        line_with(&mut out, "metrics: ");
        let children = children_of(&demo);
        let wanted = format!(" demo-service {role} ");
        let (pid, _) = *children.iter().find(|(_, line)| line.contains(&wanted)).unwrap();
        let victim = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(victim, rustix::process::Signal::KILL).unwrap();
        out.read_to_string(&mut String::new()).unwrap();
        let output = demo.wait_with_output().unwrap();
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains(&format!("flowfold: {role} (process {pid}) of the demo ended unexpectedly")), "{told}");
        for (pid, line) in children {
            assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "{line}");
        }
    }
}

/// A proxy that runs, and what its log told of itself.
struct Proxy {
    process: Child,
    log: BufReader<std::process::ChildStderr>,
    listen: String,
    metrics: String,
}

impl Proxy {
    fn start(upstream: &str) -> Self {
        let arguments = ["proxy", "--listen", "127.0.0.1:0", "--upstream", upstream, "--metrics", "127.0.0.1:0"];
        let mut process = Command::new(env!("CARGO_BIN_EXE_flowfold"))
            .args(arguments)
            .env_remove("FLOWFOLD_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let relaying = line_with(&mut log, "relaying ");
        let listen = relaying.split("relaying ").nth(1).unwrap().split(" to ").next().unwrap().to_owned();
        let ready = line_with(&mut log, "ready");
        let metrics = ready.split("http://").nth(1).unwrap().split("/metrics").next().unwrap().to_owned();
        Self { process, log, listen, metrics }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn line_with(log: &mut impl BufRead, wanted: &str) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "the log ended before {wanted:?}:\n{seen}");
        if line.contains(wanted) {
            return line;
        }
        seen += &line;
    }
}

/// Sends a request and reads the answer to the end of the connection.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A server that answers one request per connection.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    break;
                }
                request.push(byte[0]);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").ok();
        }
    });
    address
}

#[test]
fn a_proxy_relays_counts_and_ends_in_order() {
    let mut proxy = Proxy::start(&server());
    for _ in 0..3 {
        assert!(get(&proxy.listen, "/a").ends_with("\r\n\r\nhi"));
    }
    assert!(get(&proxy.metrics, "/readyz").starts_with("HTTP/1.1 200"));
    let counted = |metrics: &str| {
        let count = |line: &&str| line.starts_with("http_server_request_duration_seconds_count");
        metrics.lines().find(count).map(|line| line.rsplit(' ').next().unwrap().to_owned())
    };
    // The last exchange is counted by the time its connection is closed on both sides, which a client cannot see.
    let start = Instant::now();
    while counted(&get(&proxy.metrics, "/metrics")).as_deref() != Some("3") {
        assert!(start.elapsed() < Duration::from_secs(30), "three exchanges are not counted");
    }
    proxy.signal(rustix::process::Signal::TERM);
    line_with(&mut proxy.log, "stopping (SIGTERM)");
    assert_eq!(proxy.process.wait().unwrap().code(), Some(0));
}

#[test]
fn an_agent_that_can_suggest_no_routes_is_told_why() {
    let told = |address: &str| {
        let output = flowfold(&["routes", "suggest", "--agent", address]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        stderr(&output)
    };
    let proxy = Proxy::start(&server());
    let wanted = format!(
        "flowfold: the agent at {} learns no patterns of paths; set `max_url_templates: 50` (or another number, for each \
         service) in its configuration and start it again\n",
        proxy.metrics
    );
    assert_eq!(told(&proxy.metrics), wanted);
    // Something else that answers, and nothing at all.
    let other = server();
    let error = told(&other);
    assert!(
        error.starts_with(&format!("flowfold: no agent answers at {other}: /routes is no answer of an agent")),
        "{error}"
    );
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let error = told(&free);
    assert!(error.starts_with(&format!("flowfold: no agent answers at {free}: Connection refused")), "{error}");
    assert!(error.contains("give --agent the address of its /metrics"), "{error}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    // An exchange that never ends keeps the drain waiting.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut proxy = Proxy::start(&silent.local_addr().unwrap().to_string());
    let mut client = TcpStream::connect(&proxy.listen).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let (mut served, _) = silent.accept().unwrap();
    served.read_exact(&mut [0; 4]).unwrap();
    proxy.signal(rustix::process::Signal::TERM);
    line_with(&mut proxy.log, "stopping");
    proxy.signal(rustix::process::Signal::INT);
    line_with(&mut proxy.log, "stopped at once by SIGINT");
    assert_eq!(proxy.process.wait().unwrap().code(), Some(1));
}
