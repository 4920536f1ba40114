//! The HTTP server for scrapers and probes.
//!
//! It bounds what they can take of the agent: the number of connections, the time for a head, and the time for a whole
//! request, be it that the reader is slow or that it stopped reading.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::endpoints::Endpoints;
use crate::limits::{ACCEPT_PAUSE, HEAD_BYTES};

/// Serves until `shutdown` is done, then lets the answers under way finish for a short while. It needs a runtime with
/// timers, best one of its own, so that nothing else waits while a large scrape is written.
pub async fn serve(listener: TcpListener, endpoints: Arc<Endpoints>, shutdown: impl Future<Output = ()>) {
    let limits = endpoints.limits();
    let mut shutdown = pin!(shutdown);
    let (stop, stopping) = watch::channel(false);
    let room = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        // A connection is accepted when there is room for it, not before.
        let accepted = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, place)
        };
        tokio::select! {
            (accepted, place) = accepted => match accepted {
                Ok((stream, _)) => {
                    let connection = connection(stream, Arc::clone(&endpoints), stopping.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a scraper's connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    stop.send_replace(true);
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.stop, finish).await.is_err() {
        tracing::warn!("a scraper did not finish reading before the stop");
    }
}

/// Serves one connection to its end.
async fn connection(stream: TcpStream, endpoints: Arc<Endpoints>, mut stopping: watch::Receiver<bool>) {
    let limits = endpoints.limits();
    let (began, mut last_request) = watch::channel(Instant::now());
    let service = service_fn(move |request| {
        began.send_replace(Instant::now());
        let endpoints = Arc::clone(&endpoints);
        async move { endpoints.answer(request).await }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(HEAD_BYTES);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    loop {
        let deadline = *last_request.borrow_and_update() + limits.request;
        tokio::select! {
            result = &mut connection => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a scraper's connection failed");
                }
                return;
            }
            Ok(()) = last_request.changed() => {}
            () = tokio::time::sleep_until(deadline) => return,
            Ok(()) = stopping.changed() => connection.as_mut().graceful_shutdown(),
        }
    }
}
