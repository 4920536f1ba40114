use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn help_of(command: &str) -> String {
    let arguments = ["flowfold"].into_iter().chain(command.split_whitespace()).chain(["--help"]);
    let help = Cli::try_parse_from(arguments).unwrap_err();
    assert_eq!(help.kind(), ErrorKind::DisplayHelp);
    help.to_string()
}

#[test]
fn clap_finds_no_fault_with_the_command_line() {
    Cli::command().debug_assert();
}

#[test]
fn the_help_tells_examples_exit_codes_defaults_and_units() {
    let told: &[(&str, &[&str])] = &[
        ("", &["Examples:", "flowfold demo", "77", "64", "bad usage or configuration", "--version"]),
        (
            "run",
            &[
                "Examples:",
                "Exit codes:",
                "--visibility",
                "--config",
                "--cgroup",
                "--netns",
                "[default: 127.0.0.1:9464]",
                "[default: one per core]",
                "[default: 10s]",
                "10s, 500ms or 2m",
                "--print-example",
                "CAP_BPF, CAP_PERFMON",
                "Linux 5.15",
                "SIGTERM",
                "FLOWFOLD_LOG",
            ],
        ),
        ("proxy", &["Examples:", "Exit codes:", "--listen", "--upstream", "[default: 127.0.0.1:9464]"]),
        ("check", &["Examples:", "Exit codes:", "--print-example", "ok, missing or taken"]),
        ("demo", &["Examples:", "Exit codes:", "--for", "50 times a second", "explicit proxies", "p99"]),
        ("routes", &["suggest"]),
        ("routes suggest", &["Examples:", "Exit codes:", "--agent", "[default: 127.0.0.1:9464]", "max_url_templates"]),
    ];
    for (command, sentences) in told {
        let help = help_of(command);
        // Lines are wrapped to the width of whatever terminal the tests run in.
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for sentence in *sentences {
            assert!(help.contains(sentence), "`flowfold {command} --help` does not tell {sentence:?}:\n{help}");
        }
    }
}

#[test]
fn the_processes_of_the_demo_are_not_shown() {
    assert!(!help_of("").contains("demo-service"));
}

#[test]
fn flags_become_overrides() {
    let line = "flowfold run --visibility <Ingress/80/TCP/HTTP> --metrics [::1]:1 --workers 2 --max-connections 9 \
                --drain-timeout 500ms --log-format json --cgroup /a --netns /b";
    let Command::Run(run) = Cli::try_parse_from(line.split_whitespace()).unwrap().command else {
        panic!("not run");
    };
    let flags = run.steering.overrides();
    assert_eq!(flags.visibility.as_deref(), Some("<Ingress/80/TCP/HTTP>"));
    assert_eq!(flags.metrics, Some("[::1]:1".parse().unwrap()));
    assert_eq!((flags.workers, flags.max_connections), (NonZeroUsize::new(2), NonZeroUsize::new(9)));
    assert_eq!(flags.drain_timeout, Some(Duration::from_millis(500)));
    assert_eq!(flags.log_format, Some(LogFormat::Json));
    assert_eq!((flags.cgroup, flags.netns), (Some("/a".into()), Some("/b".into())));
}

#[test]
fn values_out_of_range_are_refused_with_their_fix() {
    let cases = [
        ("flowfold run --workers 0", "write a whole number from 1 to 256"),
        ("flowfold run --drain-timeout 10", "write a number and a unit"),
        ("flowfold run --drain-timeout 2h", "up to 1h"),
        ("flowfold demo --for 0s", "of more than nothing"),
        ("flowfold proxy --listen 127.0.0.1:1", "--upstream"),
        ("flowfold proxy --listen 127.0.0.1:1 --upstream 127.0.0.1:0", "give the server's port"),
        ("flowfold proxy --listen 127.0.0.1:1 --upstream [::1]:0", "a number from 1 to 65535"),
        ("flowfold proxy --listen 127.0.0.1:1 --upstream there", "write IP:PORT"),
    ];
    for (line, told) in cases {
        let error = Cli::try_parse_from(line.split_whitespace()).unwrap_err().to_string();
        assert!(error.contains(told), "{line}: {error}");
    }
}
