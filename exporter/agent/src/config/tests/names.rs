//! The names of servers that are learned from DNS.

use flowfold_fold::DestinationNameLimits;

use super::*;

const DNS: &str = "visibility: [<Egress/80/TCP/HTTP>, <Egress/53/UDP/DNS>]\n";

#[test]
fn names_of_servers_are_learned_where_they_are_asked_for() {
    let limits = |text: &str| read(&format!("{DNS}{text}")).unwrap().fold.destination_names;
    let usual = DestinationNameLimits { max_names: 0, max_addresses: 4096, grace: Duration::from_mins(5) };
    assert_eq!(limits(""), usual);
    assert_eq!(limits("max_destination_names: 500"), DestinationNameLimits { max_names: 500, ..usual });
    let grace = "max_destination_addresses: 10\ndestination_name_grace: 0s";
    assert_eq!(limits(grace), DestinationNameLimits { max_addresses: 10, grace: Duration::ZERO, ..usual });
}

#[test]
fn each_wrong_value_of_names_is_told_with_its_fix() {
    let cases = [
        (
            "max_destination_names: 10001",
            "max_destination_names: `10001` is not a number that can be used here; \
             write a whole number from 0 (learn none) to 10000",
        ),
        (
            "max_destination_addresses: 0",
            "max_destination_addresses: `0` is not a number that can be used here; \
             write a whole number from 1 to 16384, or take the key out for the default",
        ),
        (
            "destination_name_grace: 2d",
            "destination_name_grace: `2d` is not a time that can be used here; \
             write a number and a unit, as in 5m, 30s or 0s, up to 24h",
        ),
    ];
    for (text, expected) in cases {
        let refused = refusal(&format!("{DNS}{text}"));
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn names_that_no_rule_can_tell_are_refused() {
    let told = "flowfold.yaml:2: max_destination_names: has no effect, as no rule steers the DNS lookups of local clients; \
                add <Egress/53/UDP/DNS> to visibility, or write 0";
    for rules in ["<Egress/80/TCP/HTTP>", "<Ingress/53/TCP/DNS>"] {
        let refused = refusal(&format!("visibility: ['{rules}']\nmax_destination_names: 500"));
        assert!(refused.contains(told), "{refused}");
    }
    for rules in ["<Egress/53/TCP/DNS>", "<Egress/5353/TCP/AUTO>"] {
        let config = read(&format!("visibility: ['{rules}']\nmax_destination_names: 500")).unwrap();
        assert_eq!(config.fold.destination_names.max_names, 500);
    }
    assert!(read("visibility: [<Egress/80/TCP/HTTP>]\nmax_destination_names: 0").is_ok());
}
