//! How an exchange ended, and whose fault it was.

/// The side that an unanswered exchange is laid to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The client went away or spoke wrongly.
    Client,
    /// The server went away, could not be reached, or spoke wrongly.
    Server,
    /// The agent ended it.
    Agent,
}

/// Why an exchange got no whole answer. Each value is a valid `error.type` of the OpenTelemetry conventions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureReason {
    /// The server could not be reached.
    ConnectFailed,
    /// The server closed the connection in order, before its answer was whole.
    ServerClosed,
    /// The server reset the connection before its answer was whole.
    ServerReset,
    /// The client closed the connection in order, before its request was whole; with HTTP/2, which knows no half-closed
    /// connections, before the answer was.
    ClientClosed,
    /// The client reset the connection before the answer was whole.
    ClientReset,
    /// The client gave up this request (HTTP/2 `RST_STREAM`), and the connection lives on.
    ClientCancelled,
    /// The client gave up this call when the time that it had named (`grpc-timeout`) was over.
    DeadlineExceeded,
    /// The server broke off this answer (HTTP/2 `RST_STREAM`), and the connection lives on.
    StreamReset,
    /// The server said that it has not looked at this request (HTTP/2 `REFUSED_STREAM`, or a `GOAWAY` that leaves it out):
    /// the client may send it again elsewhere.
    Refused,
    /// No answer came for so long that none is waited for any more.
    Timeout,
    /// The agent stopped, and its drain deadline passed.
    AgentStopped,
    /// A socket error of the agent's ended it.
    AgentError,
}

impl FailureReason {
    /// Every reason, in the order of [`FailureReason::index`].
    pub const ALL: [Self; 12] = [
        Self::ConnectFailed,
        Self::ServerClosed,
        Self::ServerReset,
        Self::ClientClosed,
        Self::ClientReset,
        Self::ClientCancelled,
        Self::DeadlineExceeded,
        Self::StreamReset,
        Self::Refused,
        Self::Timeout,
        Self::AgentStopped,
        Self::AgentError,
    ];

    /// The position of this reason in [`FailureReason::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The `error.type` of this reason.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::ConnectFailed => "connect_failed",
            Self::ServerClosed => "server_closed",
            Self::ServerReset => "server_reset",
            Self::ClientClosed => "client_closed",
            Self::ClientReset => "client_reset",
            Self::ClientCancelled => "client_cancelled",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::StreamReset => "stream_reset",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::AgentStopped => "agent_stopped",
            Self::AgentError => "agent_error",
        }
    }

    /// Whose fault it was.
    pub const fn blame(self) -> Blame {
        match self {
            Self::ConnectFailed
            | Self::ServerClosed
            | Self::ServerReset
            | Self::DeadlineExceeded
            | Self::StreamReset
            | Self::Refused
            | Self::Timeout => Blame::Server,
            Self::ClientClosed | Self::ClientReset | Self::ClientCancelled => Blame::Client,
            Self::AgentStopped | Self::AgentError => Blame::Agent,
        }
    }
}

/// How an exchange ended. Every opened exchange ends in exactly one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The answer was seen to its end.
    Answered,
    /// The request or the answer was cut short.
    Failed(FailureReason),
    /// The bytes that would tell were not read (the connection turned opaque): it may well have been answered.
    Unfinished,
}
