//! One way to a receiver: an encoded request goes out, and the answer or the reason why there is none comes back.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;

use super::grpc::Grpc;
use super::http::Http;
use super::{Destination, Protocol};

/// What is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Metrics,
    Traces,
}

/// Why a way to a receiver cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// A file of certificates or keys cannot be used.
    #[error("{}: {what}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Certificate and key, or the protocol versions, do not fit.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The URL cannot be connected to.
    #[error("{0} is no URL that can be pushed to")]
    Url(String),
}

impl OtlpError {
    pub(super) fn file(path: &Path, what: impl Display) -> Self {
        Self::File { path: path.to_owned(), what: what.to_string() }
    }
}

/// Why a request was not taken.
#[derive(Debug)]
pub(crate) struct Failure {
    /// In words.
    pub(crate) why: String,
    /// What may help.
    pub(crate) again: Again,
}

/// Whether a request that was not taken can be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// No: the receiver will not take it.
    Never,
    /// After a while.
    Later,
    /// Not before this time has gone by: the receiver said so.
    After(Duration),
}

/// A way to a receiver, for one signal.
#[derive(Debug)]
pub(crate) struct Transport {
    way: Way,
    timeout: Duration,
}

#[derive(Debug)]
enum Way {
    Grpc(Box<Grpc>),
    Http(Box<Http>),
}

impl Transport {
    /// A way to this destination. Nothing is sent yet. To be called on a runtime, which is the one that it uses.
    pub(crate) fn new(destination: &Destination, signal: Signal) -> Result<Self, OtlpError> {
        let way = match destination.protocol {
            Protocol::Grpc => Way::Grpc(Grpc::new(destination, signal)?.into()),
            Protocol::HttpProtobuf => Way::Http(Http::new(destination)?.into()),
        };
        Ok(Self { way, timeout: destination.timeout })
    }

    /// Sends a request and returns the answer's message.
    pub(crate) async fn send(&self, request: Bytes) -> Result<Bytes, Failure> {
        let send = async {
            match &self.way {
                Way::Grpc(grpc) => grpc.send(request).await,
                Way::Http(http) => http.send(request).await,
            }
        };
        let late = |_| Failure { why: format!("no answer within {:?}", self.timeout), again: Again::Later };
        tokio::time::timeout(self.timeout, send).await.map_err(late)?
    }
}
