//! A server and a client of tonic: what they count is what the agent counts.

mod peers;

use std::net::TcpListener;
use std::thread;

use flowfold_e2e::agent::Agent;
use flowfold_e2e::peers::rpc::Calls;
use flowfold_e2e::scrape::Scrape;
use flowfold_e2e::world::{Family, World};
use tokio::sync::oneshot;

use self::peers::{Caller, Server};
use crate::grpc_counts::{Side, agree};
use crate::{Test, privileged};

pub(crate) const TESTS: &[Test] = &[
    privileged("grpc_tonic::all_types_of_call", all_types_of_call),
    privileged("grpc_tonic::ten_thousand_streams_of_one_connection", ten_thousand_streams_of_one_connection),
    privileged("grpc_tonic::a_goodbye_in_the_middle", a_goodbye_in_the_middle),
];

fn all_types_of_call() {
    through_the_agent(|caller, calls| {
        Box::pin(async move {
            for _ in 0..50 {
                caller.unary("please", "OK", calls).await;
                caller.server_stream("7", 7, "OK", calls).await;
                caller.client_stream(6, calls).await;
                caller.bidi(4, calls).await;
            }
            for status in ["NOT_FOUND", "INTERNAL", "UNAVAILABLE", "UNAUTHENTICATED"] {
                caller.unary(&format!("abort {status}"), status, calls).await;
            }
            caller.server_stream("3 abort DATA_LOSS", 3, "DATA_LOSS", calls).await;
            for _ in 0..5 {
                caller.give_up("2 wait", 2, calls).await;
                // by the time this is answered, the server has been told
                caller.unary("please", "OK", calls).await;
            }
        })
    });
}

fn ten_thousand_streams_of_one_connection() {
    let scrape = through_the_agent(|caller, calls| {
        Box::pin(async move {
            caller.unary("please", "OK", calls).await;
            caller.many_unary(10_000, 100, calls).await;
        })
    });
    scrape.expect("flowfold_connections_opened_total", &[], 1);
}

/// The server stops while a call is open: it says so (GOAWAY), and the call goes on to its end.
fn a_goodbye_in_the_middle() {
    through_the_agent(|caller, calls| {
        Box::pin(async move {
            caller.unary("please", "OK", calls).await;
            caller.server_stream("2 goodbye", 3, "OK", calls).await;
        })
    });
}

type Work<'a> = std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Lets a client make calls of a server through the agent, and holds the agent to what they have seen.
fn through_the_agent(work: impl for<'a> FnOnce(&'a mut Caller, &'a mut Calls) -> Work<'a> + Send) -> Scrape {
    let world = World::new();
    let agent = Agent::steering(&world, "<Ingress/9080/TCP/AUTO>");
    let address = world.host_address(Family::V4, 9080);
    let listener = world.host.run(|| TcpListener::bind(address)).expect("the port is free");
    let (stop, stopped) = oneshot::channel();
    let (calls, of_server) = thread::scope(|scope| {
        let server = scope.spawn(|| peers::serve(listener, stopped));
        let calls = world.client.run(|| {
            peers::runtime().block_on(async {
                let mut calls = Calls::default();
                work(&mut Caller::of(address), &mut calls).await;
                calls
            })
        });
        drop(stop);
        (calls, server.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    assert_eq!(Server::started(&of_server), calls.total(), "the server has seen as many calls");
    let scrape = agent.scrape_until("all calls to be counted", |scrape| {
        scrape.count(Side::Server.count(), &[]) == calls.total() && scrape.count("flowfold_open_connections", &[]) == 0
    });
    agree(&scrape, Side::Server, &calls);
    agent.stop();
    scrape
}
