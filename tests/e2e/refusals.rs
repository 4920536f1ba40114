//! What cannot work is said at once, plainly, and leaves nothing attached.

use std::fs;
use std::path::PathBuf;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::binary;
use flowfold_e2e::http;
use flowfold_e2e::peers::nginx::Nginx;
use flowfold_e2e::process::Launch;
use flowfold_e2e::world::{Family, World};

use crate::{Test, anywhere, privileged};

pub(crate) const TESTS: &[Test] = &[
    anywhere("refusals::a_bad_config_names_file_key_and_fix", a_bad_config_names_file_key_and_fix),
    anywhere("refusals::bad_usage_is_64", bad_usage_is_64),
    privileged("refusals::without_privilege_is_77", without_privilege_is_77),
    privileged("refusals::a_second_agent_for_a_port", a_second_agent_for_a_port),
];

const USAGE: i32 = 64;
const PRIVILEGE: i32 = 77;

fn a_bad_config_names_file_key_and_fix() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let cases = [
        ("visibility: ['<Ingress/9080/TCP/HTTP>']\nmetrcs: {listen: '127.0.0.1:9464'}\n", "metrcs", "metrics"),
        ("visibility: ['<Ingress/99999/TCP/HTTP>']\n", "visibility[0]", "65535"),
        ("visibility: ['<Ingress/9080/TCP/HTTP>']\ndrain_timeout: soon\n", "drain_timeout", "10s"),
        ("visibility: ['<Ingress/9080/TCP/HTTP>']\nroutes: [no-slash]\n", "routes[0]", "/"),
        ("visibility: ['<Ingress/9080/TCP/HTTP>']\nmetrics: {listen: nowhere}\n", "metrics.listen", "127.0.0.1:9464"),
    ];
    let path = directory.path().join("flowfold.yaml");
    for (text, key, fix) in cases {
        fs::write(&path, text).expect("a file can be written");
        for command in ["run", "check"] {
            let output = Launch::new(binary::flowfold()).arg(command).arg("--config").arg(&path).output();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(USAGE), "{text}{said}");
            for wanted in [path.to_str().expect("a path in ASCII"), key, fix] {
                assert!(said.contains(wanted), "{wanted} is missing in:\n{said}\nfor\n{text}");
            }
            assert!(!said.contains("ready"), "{said}");
        }
    }
    let absent = Launch::new(binary::flowfold()).args(["run", "--config", "/nonexistent/flowfold.yaml"]).output();
    assert_eq!(absent.status.code(), Some(USAGE));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("/nonexistent/flowfold.yaml"));
}

fn bad_usage_is_64() {
    for arguments in
        [&["run", "--no-such-flag"][..], &["run"], &["proxy"], &["run", "--visibility", "<Sideways/80/TCP/HTTP>"]]
    {
        let output = Launch::new(binary::flowfold()).args(arguments).output();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(USAGE), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty() && !said.is_empty(), "{arguments:?} explains itself on stderr");
    }
}

fn without_privilege_is_77() {
    let world = World::new();
    // where the binary was built need not be open to somebody without privilege
    let binary = world.directory().join("flowfold-for-all");
    fs::copy(binary::flowfold(), &binary).expect("the binary can be copied");
    for command in ["run", "check"] {
        let launch = Launch::new(&binary).inside(&world.host).unprivileged();
        let output = launch.args([command, "--visibility", "<Ingress/9080/TCP/HTTP>"]).output();
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(PRIVILEGE), "{command}: {said}");
        assert!(said.contains("CAP_BPF"), "it names what is missing:\n{said}");
        assert!(command == "check" || messages(&said) == 1, "one message:\n{said}");
    }
    let listener = PathBuf::from("/proc/self/net/tcp");
    let sockets =
        world.host.run(|| fs::read_to_string("/proc/thread-self/net/tcp").or_else(|_| fs::read_to_string(listener)));
    assert_eq!(sockets.map_or(0, |table| table.lines().count().saturating_sub(1)), 0, "nothing listens");
}

/// Lines of a log that are not indented: each begins a message.
fn messages(said: &str) -> usize {
    said.lines().filter(|line| !line.is_empty() && !line.starts_with(char::is_whitespace)).count()
}

fn a_second_agent_for_a_port() {
    let world = World::new();
    let nginx = Nginx::start(&world, &[9080]);
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/HTTP>");
    let second = Agent::command(&world, "127.0.0.1:9465").arg("--visibility");
    let output = second.arg("<Ingress/9079/TCP/HTTP>,<Ingress/9080/TCP/HTTP>").output();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    for wanted in [agent.pid().to_string().as_str(), "9080"] {
        assert!(said.contains(wanted), "{wanted} is missing in:\n{said}");
    }
    world.client.run(|| http::get(world.host_address(Family::V4, 9080), "/200")).expect("the first goes on");
    agent.scrape_until("its request to be counted", |scrape| scrape.count("flowfold_exchanges_total", &[]) == 1);
    assert_eq!(nginx.logged(1).len(), 1);
    agent.stop();
}
