use std::net::Ipv4Addr;

use flowfold_flow::{Reporters, Workload};

use super::*;

/// A connection from a workload to the broker at an address of this number.
fn to(broker: u16, namespace: &str, source: &str) -> ConnectionInfo {
    ConnectionInfo {
        reporters: Reporters::CLIENT,
        client: SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000)),
        server: SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), 1000 + broker)),
        source: Arc::new(Workload::named(source)),
        destination: Arc::new(Workload { namespace: namespace.into(), ..Workload::named("kafka") }),
    }
}

/// The id of the cluster, as another worker finds it for a client without a name of its own.
fn id(clusters: &Clusters, info: &ConnectionInfo) -> String {
    clusters.clone().find(info, "").id().to_owned()
}

#[test]
fn brokers_are_known_by_their_addresses() {
    let clusters = Clusters::default();
    let [a, b] = [to(1, "", "web"), to(2, "", "jobs")];
    let before = clusters.find(&a, "");
    assert_eq!((before.id(), clusters.turn()), ("", 0));
    clusters.learn(&a, "", "A");
    // What was counted before, and brokers of which nothing is known, are of the first one.
    assert_eq!((clusters.find(&a, ""), clusters.turn()), (before, 1));
    assert_eq!(id(&clusters, &b), "A");
    clusters.learn(&b, "", "B");
    assert_eq!((id(&clusters, &a), id(&clusters, &b)), ("A".to_owned(), "B".to_owned()));
    assert_ne!(clusters.find(&a, ""), clusters.find(&b, ""));
    assert_eq!(id(&clusters, &to(3, "", "other")), "A");
    // The same by another family of addresses.
    let mapped = ConnectionInfo { server: "[::ffff:10.0.0.1]:1002".parse().unwrap(), ..b.clone() };
    assert_eq!(id(&clusters, &mapped), "B");
    // Another namespace has clusters of its own.
    assert_eq!(id(&clusters, &to(1, "staging", "web")), "");
    // What is known is no news.
    let turn = clusters.turn();
    clusters.learn(&b, "", "B");
    clusters.learn(&b, "another client", "B");
    assert_eq!(clusters.turn(), turn);
}

#[test]
fn a_broker_that_was_not_asked_is_of_the_cluster_that_its_client_was_told_of() {
    let clusters = Clusters::default();
    clusters.learn(&to(1, "", "web"), "", "A");
    clusters.learn(&to(2, "", "jobs"), "reader", "B");
    let unasked = to(9, "", "jobs");
    assert_eq!(clusters.find(&unasked, "reader").id(), "B");
    assert_eq!(clusters.find(&unasked, "writer").id(), "A");
    assert_eq!(clusters.find(&to(9, "staging", "jobs"), "reader").id(), "");
    // A client of several, as where all of a workload have one name.
    clusters.learn(&to(1, "", "jobs"), "reader", "A");
    assert_eq!(clusters.find(&unasked, "reader").id(), "A");
    clusters.learn(&to(2, "", "jobs"), "reader", "B");
    assert_eq!(clusters.find(&unasked, "reader").id(), "A");
    assert_eq!(clusters.find(&to(2, "", "jobs"), "reader").id(), "B");
}

#[test]
fn a_cluster_that_was_made_anew_is_another_one() {
    let clusters = Clusters::default();
    let (broker, unasked) = (to(1, "", "web"), to(2, "", "web"));
    clusters.learn(&broker, "", "old");
    let old = clusters.find(&broker, "");
    clusters.learn(&broker, "", "new");
    let new = clusters.find(&broker, "");
    assert_eq!((new.id(), new == old), ("new", false));
    // Nobody is of the old one any more, not even who was told of it once.
    assert_eq!(clusters.find(&unasked, ""), new);
    assert_eq!(clusters.find(&to(2, "", "other"), ""), new);
}

#[test]
fn what_is_no_id_is_not_learned() {
    let clusters = Clusters::default();
    let broker = to(1, "", "web");
    for id in ["", "two words", "nul\0", "caf\u{e9}", &"x".repeat(101)] {
        clusters.learn(&broker, "", id);
    }
    assert_eq!((id(&clusters, &broker), clusters.turn()), (String::new(), 0));
    clusters.learn(&broker, "", &"x".repeat(100));
    assert_eq!(id(&clusters, &broker).len(), 100);
}

#[test]
fn so_much_is_known_at_once() {
    let clusters = Clusters::default();
    let clients = MAX_CLIENTS + MAX_CLIENTS / 2;
    for number in 0..clients {
        let broker = u16::try_from(number).unwrap();
        // Some in one namespace, others in one each; all of clusters of their own.
        let namespace = if number % 2 == 0 { String::new() } else { number.to_string() };
        clusters.learn(&to(broker, &namespace, "web"), &number.to_string(), &format!("cluster-{number}"));
    }
    let known = clusters.0.known.read().unwrap();
    let members = known.namespaces.values().map(Vec::len).sum::<usize>();
    assert_eq!((known.addresses.len(), members), (MAX_ADDRESSES, MAX_ADDRESSES));
    assert!(known.clients.len() <= MAX_CLIENTS && known.namespaces.len() == MAX_ADDRESSES / 2 + 1);
    drop(known);
    let last = u16::try_from(clients - 2).unwrap();
    assert_eq!(id(&clusters, &to(last, "", "web")), format!("cluster-{last}"));
    // One that was learned early is that of the oldest that is left.
    assert_ne!(id(&clusters, &to(0, "", "nobody")), "cluster-0");
}
