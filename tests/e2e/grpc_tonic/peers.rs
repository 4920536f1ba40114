//! Both ends, without generated code: the messages and the service are small.

use std::convert::Infallible;
use std::future::ready;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use flowfold_e2e::peers::rpc::Calls;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

const UNARY: &str = "/flowfold.test.Tonic/Unary";
const SERVER_STREAM: &str = "/flowfold.test.Tonic/ServerStream";
const CLIENT_STREAM: &str = "/flowfold.test.Tonic/ClientStream";
const BIDI: &str = "/flowfold.test.Tonic/Bidi";

/// The codes that a request can ask for, by the names that the agent has for them.
const CODES: [(&str, Code); 5] = [
    ("NOT_FOUND", Code::NotFound),
    ("INTERNAL", Code::Internal),
    ("UNAVAILABLE", Code::Unavailable),
    ("UNAUTHENTICATED", Code::Unauthenticated),
    ("DATA_LOSS", Code::DataLoss),
];

/// The only message.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Note {
    #[prost(string, tag = "1")]
    text: String,
}

fn note(text: impl Into<String>) -> Note {
    Note { text: text.into() }
}

fn codec() -> ProstCodec<Note, Note> {
    ProstCodec::default()
}

/// A runtime on this thread alone: its sockets belong to the namespace that the thread is in.
pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

type Notes = Pin<Box<dyn Stream<Item = Result<Note, Status>> + Send>>;

/// The service, which does as it is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    started: Arc<AtomicU64>,
    goodbye: Arc<Notify>,
}

/// Serves until it is told to stop or a call has asked for a goodbye, and returns the service.
pub(super) fn serve(listener: TcpListener, stopped: oneshot::Receiver<()>) -> Server {
    let server = Server::default();
    listener.set_nonblocking(true).expect("a TCP socket");
    runtime().block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a TCP socket");
        let goodbye = Arc::clone(&server.goodbye);
        let over = async move {
            tokio::select! {
                () = goodbye.notified() => {}
                _ = stopped => {}
            }
        };
        let serving = tonic::transport::Server::builder().add_service(server.clone());
        serving.serve_with_incoming_shutdown(TcpIncoming::from(listener), over).await.expect("it serves");
    });
    server
}

impl Server {
    /// How many calls it has been asked for.
    pub(super) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    async fn answer(self, request: http::Request<Body>) -> http::Response<Body> {
        self.started.fetch_add(1, Ordering::Relaxed);
        let mut grpc = tonic::server::Grpc::new(codec());
        match request.uri().path() {
            UNARY => grpc.unary(tower::service_fn(unary), request).await,
            SERVER_STREAM => {
                let goodbye = self.goodbye;
                let answer = move |request| ready(server_stream(request, Arc::clone(&goodbye)));
                grpc.server_streaming(tower::service_fn(answer), request).await
            }
            CLIENT_STREAM => grpc.client_streaming(tower::service_fn(client_stream), request).await,
            BIDI => grpc.streaming(tower::service_fn(bidi), request).await,
            _ => Status::unimplemented("no such method").into_http(),
        }
    }
}

impl NamedService for Server {
    const NAME: &'static str = "flowfold.test.Tonic";
}

impl Service<http::Request<Body>> for Server {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let server = self.clone();
        Box::pin(async { Ok(server.answer(request).await) })
    }
}

/// `abort CODE` fails; everything else is answered.
async fn unary(request: Request<Note>) -> Result<Response<Note>, Status> {
    match request.get_ref().text.strip_prefix("abort ") {
        Some(name) => Err(status(name)),
        None => Ok(Response::new(note("answer"))),
    }
}

/// `COUNT`, then how to go on: `abort CODE`, `wait` for as long as the client does, or `goodbye` and one message more.
fn server_stream(request: Request<Note>, goodbye: Arc<Notify>) -> Result<Response<Notes>, Status> {
    let text = request.into_inner().text;
    let (count, then) = text.split_once(' ').unwrap_or((&text, ""));
    let count: u32 = count.parse().map_err(|_| Status::invalid_argument("a count"))?;
    let notes = tokio_stream::iter((0..count).map(|number| Ok(note(number.to_string()))));
    let rest: Notes = match then.split_once(' ').unwrap_or((then, "")) {
        ("abort", name) => Box::pin(tokio_stream::once(Err(status(name)))),
        ("wait", _) => Box::pin(tokio_stream::pending()),
        ("goodbye", _) => {
            let last = tokio_stream::once(()).then(move |()| {
                let goodbye = Arc::clone(&goodbye);
                async move {
                    goodbye.notify_one();
                    // long enough for the frame to go out first
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    Ok(note("goodbye"))
                }
            });
            Box::pin(last)
        }
        _ => Box::pin(tokio_stream::empty()),
    };
    Ok(Response::new(Box::pin(notes.chain(rest))))
}

async fn client_stream(request: Request<Streaming<Note>>) -> Result<Response<Note>, Status> {
    let mut notes = request.into_inner();
    while notes.message().await?.is_some() {}
    Ok(Response::new(note("answer")))
}

/// Sends back what comes.
async fn bidi(request: Request<Streaming<Note>>) -> Result<Response<Streaming<Note>>, Status> {
    Ok(Response::new(request.into_inner()))
}

fn status(name: &str) -> Status {
    let code = CODES.iter().find(|(known, _)| *known == name).map_or(Code::InvalidArgument, |(_, code)| *code);
    Status::new(code, "as you wish")
}

/// A client with one connection. It holds each call to the end that it should have, and counts it.
#[derive(Clone, Debug)]
pub(super) struct Caller(Channel);

impl Caller {
    pub(super) fn of(server: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{server}")).expect("an address is a URI");
        Self(endpoint.connect_lazy())
    }

    async fn ready(&self) -> tonic::client::Grpc<Channel> {
        let mut client = tonic::client::Grpc::new(self.0.clone());
        client.ready().await.expect("the server is there");
        client
    }

    pub(super) async fn unary(&self, text: &str, wanted: &str, calls: &mut Calls) {
        let path = PathAndQuery::from_static(UNARY);
        let answer = self.ready().await.unary(Request::new(note(text)), path, codec()).await;
        let answered = answer.is_ok();
        assert_eq!(name_of(answer.err()), wanted);
        count(calls, UNARY, wanted, 1, u64::from(answered));
    }

    /// Makes calls of which `at_once` are open at a time.
    pub(super) async fn many_unary(&self, times: u64, at_once: usize, calls: &mut Calls) {
        let mut open = JoinSet::new();
        for _ in 0..times {
            if open.len() == at_once {
                open.join_next().await.expect("some are open").expect("no trouble");
            }
            let caller = self.clone();
            open.spawn(async move { caller.unary("please", "OK", &mut Calls::default()).await });
        }
        while let Some(ended) = open.join_next().await {
            ended.expect("no trouble");
        }
        let method = method(UNARY);
        *calls.ended.entry((method.clone(), "OK".to_owned())).or_default() += times;
        calls.messages(&method, times, times);
    }

    pub(super) async fn server_stream(&self, text: &str, messages: u64, wanted: &str, calls: &mut Calls) {
        let mut notes = self.open_stream(text).await;
        let mut received = 0;
        let ended = loop {
            match notes.message().await {
                Ok(Some(_)) => received += 1,
                Ok(None) => break None,
                Err(status) => break Some(status),
            }
        };
        assert_eq!((received, name_of(ended)), (messages, wanted), "{text}");
        count(calls, SERVER_STREAM, wanted, 1, received);
    }

    /// Lets go of a call when this many messages have come.
    pub(super) async fn give_up(&self, text: &str, messages: u64, calls: &mut Calls) {
        let mut notes = self.open_stream(text).await;
        for _ in 0..messages {
            notes.message().await.expect("no trouble").expect("a message");
        }
        drop(notes);
        count(calls, SERVER_STREAM, "CANCELLED", 1, messages);
    }

    async fn open_stream(&self, text: &str) -> Streaming<Note> {
        let path = PathAndQuery::from_static(SERVER_STREAM);
        let answer = self.ready().await.server_streaming(Request::new(note(text)), path, codec()).await;
        answer.expect("the stream begins").into_inner()
    }

    pub(super) async fn client_stream(&self, messages: u64, calls: &mut Calls) {
        let path = PathAndQuery::from_static(CLIENT_STREAM);
        let notes = tokio_stream::iter((0..messages).map(|number| note(number.to_string())));
        self.ready().await.client_streaming(Request::new(notes), path, codec()).await.expect("an answer");
        count(calls, CLIENT_STREAM, "OK", messages, 1);
    }

    pub(super) async fn bidi(&self, messages: u64, calls: &mut Calls) {
        let path = PathAndQuery::from_static(BIDI);
        let notes = tokio_stream::iter((0..messages).map(|number| note(number.to_string())));
        let answer = self.ready().await.streaming(Request::new(notes), path, codec()).await;
        let mut echo = answer.expect("the stream begins").into_inner();
        let mut received = 0;
        while echo.message().await.expect("no trouble").is_some() {
            received += 1;
        }
        assert_eq!(received, messages);
        count(calls, BIDI, "OK", messages, received);
    }
}

fn name_of(ended: Option<Status>) -> &'static str {
    let code = ended.map_or(Code::Ok, |status| status.code());
    CODES.iter().find(|(_, known)| *known == code).map_or("OK", |(name, _)| *name)
}

fn method(path: &str) -> String {
    path.trim_start_matches('/').to_owned()
}

fn count(calls: &mut Calls, path: &str, status: &str, sent: u64, received: u64) {
    calls.end(&method(path), status);
    calls.messages(&method(path), sent, received);
}
