//! Pushing over TLS, to receivers whose certificates are made here.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use flowfold_expose::Source;
use flowfold_expose::otlp::{MetricsOptions, MetricsPusher, OtlpError, Protocol, Resource, TlsFiles};
use flowfold_fold::names;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tracing_subscriber::fmt::MakeWriter;

use crate::pushed::{counted, options, push, start, until};
use crate::receiver::Receiver;
use crate::store::filled;

/// Where the receivers are.
const HOST: &str = "127.0.0.1";

const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

/// An authority, with its files.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: PathBuf,
    directory: TempDir,
}

/// A certificate and its key.
struct Certified {
    certificate: PathBuf,
    key: PathBuf,
}

impl Authority {
    fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = directory.path().join("ca.pem");
        fs::write(&certificate, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), certificate, directory }
    }

    fn certify(&self, name: &str) -> Certified {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let [certificate, key_file] = ["pem", "key"].map(|kind| self.directory.path().join(format!("{name}.{kind}")));
        fs::write(&certificate, params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        Certified { certificate, key: key_file }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.certificate).unwrap()).unwrap();
        roots
    }

    /// For agents that trust this authority.
    fn trusted(&self) -> TlsFiles {
        TlsFiles { certificate: Some(self.certificate.clone()), ..TlsFiles::default() }
    }

    /// For agents that trust it and show a certificate.
    fn trusted_by(&self, shown: &Certified) -> TlsFiles {
        let (certificate, key) = (shown.certificate.clone(), shown.key.clone());
        TlsFiles { client_certificate: Some(certificate), client_key: Some(key), ..self.trusted() }
    }
}

/// A receiver with this certificate, which demands certificates of its clients that `clients` issued, if there is one.
async fn receiver(certified: &Certified, clients: Option<&Authority>) -> Receiver {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        Some(authority) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(authority.roots().into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let chain = vec![CertificateDer::from_pem_file(&certified.certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(&certified.key).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Receiver::start_at(format!("{HOST}:0").parse().unwrap(), &[], Some(TlsAcceptor::from(Arc::new(config)))).await
}

fn over_tls(receiver: &Receiver, protocol: Protocol, tls: TlsFiles) -> MetricsOptions {
    let mut options = options(receiver, protocol);
    options.destination.url = format!("https://{}/v1/metrics", receiver.address).parse().unwrap();
    options.destination.tls = tls;
    options
}

/// Pushes once, and expects that it arrives.
async fn expect_taken(receiver: &Receiver, protocol: Protocol, tls: TlsFiles) {
    let source = Arc::new(Source::new(filled()));
    push(&source, over_tls(receiver, protocol, tls)).await;
    assert_eq!(receiver.inbox.counts(), (1, 1), "{protocol:?}");
    assert!(counted(&source, &names::OTLP_DATA_POINTS, "sent") > 100);
    assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "failed"), 0);
}

/// Pushes until that has failed more than once, and returns what the log says.
async fn expect_failed(receiver: &Receiver, protocol: Protocol, tls: TlsFiles) -> String {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let source = Arc::new(Source::new(filled()));
    let (_stop, pusher) = start(&source, over_tls(receiver, protocol, tls));
    let failed = || counted(&source, &names::OTLP_DATA_POINTS, "failed");
    until("a failure", || failed() > 0).await;
    let first = failed();
    until("another failure", || failed() > first).await;
    pusher.abort();
    assert_eq!(receiver.inbox.counts(), (0, 0), "{protocol:?}: something arrived");
    assert_eq!(counted(&source, &names::OTLP_DATA_POINTS, "sent"), 0);
    let said = log.text();
    let lines: Vec<_> = said.lines().filter(|line| line.contains("WARN")).collect();
    let [line] = lines[..] else { panic!("one line, and no more for each push:\n{said}") };
    assert!(line.contains("metrics cannot be pushed") && line.contains(&receiver.address.to_string()), "{line}");
    line.to_owned()
}

/// What is logged.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_receiver_with_a_certificate_of_the_named_authority_is_trusted() {
    let authority = Authority::new("one");
    for protocol in PROTOCOLS {
        let receiver = receiver(&authority.certify(HOST), None).await;
        expect_taken(&receiver, protocol, authority.trusted()).await;
    }
}

#[tokio::test]
async fn a_receiver_of_another_authority_gets_nothing() {
    let (authority, other) = (Authority::new("one"), Authority::new("other"));
    for protocol in PROTOCOLS {
        let receiver = receiver(&other.certify(HOST), None).await;
        let line = expect_failed(&receiver, protocol, authority.trusted()).await;
        assert!(line.contains("invalid peer certificate: UnknownIssuer"), "{line}");
    }
}

#[tokio::test]
async fn a_receiver_with_the_certificate_of_another_host_gets_nothing() {
    let authority = Authority::new("one");
    for protocol in PROTOCOLS {
        let receiver = receiver(&authority.certify("collector.example"), None).await;
        let line = expect_failed(&receiver, protocol, authority.trusted()).await;
        assert!(line.contains("invalid peer certificate") && line.contains("collector.example"), "{line}");
    }
}

#[tokio::test]
async fn a_receiver_that_demands_a_certificate_is_shown_one() {
    let (authority, of_clients) = (Authority::new("of servers"), Authority::new("of clients"));
    let (server, client) = (authority.certify(HOST), of_clients.certify("flowfold"));
    for protocol in PROTOCOLS {
        let receiver = receiver(&server, Some(&of_clients)).await;
        expect_failed(&receiver, protocol, authority.trusted()).await;
        // A certificate, but of an authority that the receiver does not know.
        expect_failed(&receiver, protocol, authority.trusted_by(&server)).await;
        expect_taken(&receiver, protocol, authority.trusted_by(&client)).await;
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new("one");
    let (one, other) = (authority.certify("one"), authority.certify("other"));
    let receiver = receiver(&authority.certify(HOST), None).await;
    let told = |tls: TlsFiles| {
        let source = Arc::new(Source::new(filled()));
        let pusher = MetricsPusher::new(&source, &Resource::default(), over_tls(&receiver, Protocol::Grpc, tls));
        pusher.unwrap_err()
    };
    let missing = authority.directory.path().join("missing.pem");
    let error = told(TlsFiles { certificate: Some(missing.clone()), ..TlsFiles::default() });
    assert!(matches!(&error, OtlpError::File { path, .. } if *path == missing), "{error}");
    let error = told(TlsFiles { certificate: Some(one.key.clone()), ..TlsFiles::default() });
    assert_eq!(error.to_string(), format!("{}: there is no certificate in it", one.key.display()));
    let key = other.key.clone();
    let error = told(authority.trusted_by(&Certified { certificate: one.certificate, key }));
    assert!(matches!(error, OtlpError::Tls(_)), "{error}");
}
