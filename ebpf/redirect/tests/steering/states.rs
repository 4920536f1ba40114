//! When nothing is to be steered.

use std::net::TcpStream;

use flowfold_redirect::Redirect;

use crate::agent::Setup;
use crate::isolated::{Place, isolated};
use crate::server::{ANSWER, Server, echo};

/// An agent for both directions and the two servers behind it.
fn both(place: &Place) -> (Server, Server, Setup) {
    let (inward, outward) = (Server::start(place.v4), Server::start(place.v4));
    let setup = Setup::new(place).ingress(inward.port()).egress(outward.port());
    (inward, outward, setup)
}

fn goes_direct(server: &Server) {
    let client = TcpStream::connect(server.address).unwrap();
    assert_eq!(client.peer_addr().unwrap(), server.address);
    echo(&client);
    assert_eq!(server.peer(), client.local_addr().unwrap());
}

#[test]
fn a_paused_agent_steers_nothing() {
    isolated(|place| {
        let (inward, outward, setup) = both(place);
        let agent = setup.start();
        agent.redirect().set_paused(true).unwrap();
        goes_direct(&inward);
        goes_direct(&outward);
        assert!(agent.saw_nothing());
        assert_eq!(agent.redirect().stats().unwrap().direct_paused, 2);
        agent.redirect().set_paused(false).unwrap();
        echo(&TcpStream::connect(inward.address).unwrap());
        agent.seen.recv_timeout(ANSWER).unwrap();
    });
}

#[test]
fn an_agent_that_never_said_it_is_alive_steers_nothing() {
    isolated(|place| {
        let (inward, outward, setup) = both(place);
        let (redirect, _listeners) = setup.attach().unwrap();
        goes_direct(&inward);
        goes_direct(&outward);
        assert_eq!(redirect.stats().unwrap().direct_stale_heartbeat, 2);
    });
}

#[test]
fn an_agent_that_hangs_steers_nothing() {
    isolated(|place| {
        let (inward, outward, setup) = both(place);
        let agent = setup.start();
        echo(&TcpStream::connect(outward.address).unwrap());
        agent.seen.recv_timeout(ANSWER).unwrap();
        outward.peer();
        agent.hold_heart();
        goes_direct(&inward);
        goes_direct(&outward);
        assert!(agent.saw_nothing());
    });
}

#[test]
fn after_the_stop_open_connections_keep_their_peer() {
    isolated(|place| {
        let (inward, outward, setup) = both(place);
        let agent = setup.start();
        let attached = |redirect: &Redirect| redirect.programs().iter().filter(|program| program.attached).count();
        assert_eq!(attached(&agent.redirect()), 6);
        let open = TcpStream::connect(outward.address).unwrap();
        agent.seen.recv_timeout(ANSWER).unwrap();

        agent.redirect().stop_steering();
        assert_eq!(attached(&agent.redirect()), 3);
        assert_eq!(open.peer_addr().unwrap(), outward.address);
        echo(&open);
        outward.peer();
        goes_direct(&inward);
        goes_direct(&outward);
        assert!(agent.saw_nothing());
    });
}

#[test]
fn dropping_detaches_everything() {
    isolated(|place| {
        let (inward, outward, setup) = both(place);
        let (redirect, _listeners) = setup.attach().unwrap();
        redirect.beat().unwrap();
        drop(redirect);
        goes_direct(&inward);
        goes_direct(&outward);
        // The same ports are free again, for this process too.
        drop(setup.attach().unwrap());
    });
}
