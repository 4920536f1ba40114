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

/// The id of the cluster, as another worker finds it for this client; `?` if it may be any of several.
fn id_for(clusters: &Clusters, info: &ConnectionInfo, client_id: &str) -> String {
    clusters.clone().find(info, client_id).map_or("?".to_owned(), |cluster| cluster.id().to_owned())
}

/// The same for one without a name of its own.
fn id(clusters: &Clusters, info: &ConnectionInfo) -> String {
    id_for(clusters, info, "")
}

#[test]
fn brokers_are_known_by_their_addresses() {
    let clusters = Clusters::default();
    let [a, b] = [to(1, "", "web"), to(2, "", "jobs")];
    let before = clusters.find(&a, "").unwrap();
    assert_eq!((before.id(), clusters.turn()), ("", 0));
    clusters.learn(&a, "", "A");
    // What was told before is of the first one; and as long as there is no other, so are brokers of which nothing is known.
    assert_eq!((before.id(), clusters.find(&a, ""), clusters.turn()), ("A", Some(before.clone()), 1));
    assert_eq!(id(&clusters, &b), "A");
    clusters.learn(&b, "", "B");
    assert_eq!((id(&clusters, &a), id(&clusters, &b)), ("A".to_owned(), "B".to_owned()));
    assert_ne!(clusters.find(&a, ""), clusters.find(&b, ""));
    assert_eq!(id(&clusters, &to(3, "", "other")), "?");
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
    assert_eq!(id_for(&clusters, &unasked, "reader"), "B");
    assert_eq!(id_for(&clusters, &unasked, "writer"), "?");
    assert_eq!(id_for(&clusters, &to(9, "staging", "jobs"), "reader"), "");
    // A client of several, as where all of a workload have one name. Whoever has looked before is to look again.
    let turn = clusters.turn();
    clusters.learn(&to(1, "", "jobs"), "reader", "A");
    assert_eq!((id_for(&clusters, &unasked, "reader"), clusters.turn() > turn), ("?".to_owned(), true));
    clusters.learn(&to(2, "", "jobs"), "reader", "B");
    assert_eq!(id_for(&clusters, &unasked, "reader"), "?");
    assert_eq!(id_for(&clusters, &to(2, "", "jobs"), "reader"), "B");
    // Until only one is left of them.
    clusters.learn(&to(1, "", "web"), "", "B");
    clusters.learn(&to(2, "", "jobs"), "reader", "B");
    assert_eq!(id_for(&clusters, &unasked, "reader"), "B");
    clusters.learn(&to(3, "", "web"), "", "C");
    assert_eq!(id_for(&clusters, &unasked, "reader"), "B");
}

#[test]
fn a_cluster_that_was_made_anew_is_another_one_and_may_return() {
    let clusters = Clusters::default();
    let (broker, unasked) = (to(1, "", "web"), to(2, "", "web"));
    clusters.learn(&broker, "", "old");
    let old = clusters.find(&broker, "");
    clusters.learn(&broker, "", "new");
    let new = clusters.find(&broker, "");
    assert_eq!((id(&clusters, &broker), new == old), ("new".to_owned(), false));
    // Nobody is of the old one any more, not even who was told of it once.
    assert_eq!(clusters.find(&unasked, ""), new);
    assert_eq!(clusters.find(&to(2, "", "other"), ""), new);
    clusters.learn(&broker, "", "old");
    assert_eq!((clusters.find(&broker, ""), clusters.find(&unasked, "")), (old.clone(), old));
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
    let clients = 2 * MAX_CLIENTS;
    clusters.learn(&to(60_000, "many brokers", "web"), "", "even");
    for number in 0..clients {
        let broker = u16::try_from(number).unwrap();
        // Some in one namespace, others in one each; all of clusters of their own.
        let namespace = if number % 2 == 0 { String::new() } else { (number / 2).to_string() };
        clusters.learn(&to(broker, &namespace, "web"), &number.to_string(), &format!("cluster-{number}"));
    }
    let mut turn = clusters.turn();
    for number in 0..2 * MAX_ADDRESSES {
        let broker = ConnectionInfo {
            server: SocketAddr::from((Ipv4Addr::from(u32::try_from(number).unwrap()), 9092)),
            ..to(0, "many brokers", "web")
        };
        clusters.learn(&broker, "", if number % 2 == 0 { "even" } else { "odd" });
        turn += 1;
        assert!(clusters.turn() >= turn);
    }
    let known = clusters.0.known.read().unwrap();
    assert_eq!((known.addresses.len(), known.learned.len()), (MAX_ADDRESSES, MAX_ADDRESSES));
    assert!(known.clients.len() <= MAX_CLIENTS && known.namespaces.len() == MAX_NAMESPACES);
    let members: Vec<_> = known.namespaces.values().map(|it| it.members.len()).filter(|count| *count > 0).collect();
    assert_eq!(members, [2], "all addresses of the others had to go");
    drop(known);
    let last = ConnectionInfo {
        server: SocketAddr::from((Ipv4Addr::new(0, 0, 0x1f, 0xff), 9092)),
        ..to(0, "many brokers", "x")
    };
    assert_eq!(id(&clusters, &last), "odd");
}

#[test]
fn a_namespace_has_so_many_clusters() {
    let clusters = Clusters::default();
    for number in 0..2 * MAX_CLUSTERS {
        clusters.learn(&to(u16::try_from(number).unwrap(), "", "web"), "", &format!("cluster-{number}"));
    }
    let last = u16::try_from(MAX_CLUSTERS - 1).unwrap();
    assert_eq!(id(&clusters, &to(last, "", "web")), format!("cluster-{last}"));
    assert_eq!(id(&clusters, &to(last + 1, "", "web")), "?");
}
