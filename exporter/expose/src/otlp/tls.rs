//! Connections to a receiver, with TLS where its URL asks for it.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::transport::OtlpError;
use super::{Protocol, TlsFiles};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to a receiver.
pub(super) type Connector = HttpsConnector<HttpConnector>;

/// A connector for this protocol with these certificates.
pub(super) fn connector(protocol: Protocol, files: &TlsFiles) -> Result<Connector, OtlpError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let schemes = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config(files)?).https_or_http();
    Ok(match protocol {
        Protocol::Grpc => schemes.enable_http2().wrap_connector(http),
        Protocol::HttpProtobuf => schemes.enable_all_versions().wrap_connector(http),
    })
}

fn config(files: &TlsFiles) -> Result<ClientConfig, OtlpError> {
    let broken = |error: rustls::Error| OtlpError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(broken)?;
    let builder = builder.with_root_certificates(roots(files.certificate.as_deref())?);
    match (&files.client_certificate, &files.client_key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key_of = |path: &Path| PrivateKeyDer::from_pem_reader(BufReader::new(File::open(path).map_err(io)?));
            let key = key_of(key).map_err(|error| OtlpError::file(key, error))?;
            builder.with_client_auth_cert(chain, key).map_err(broken)
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// Whom to trust: the authorities of a file, or those of the system.
fn roots(file: Option<&Path>) -> Result<RootCertStore, OtlpError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = file {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| OtlpError::file(path, error))?;
        }
    } else {
        // A host without any is not wrong as long as nothing is asked of it over TLS.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, OtlpError> {
    let read = || -> Result<Vec<_>, rustls::pki_types::pem::Error> {
        CertificateDer::pem_reader_iter(BufReader::new(File::open(path).map_err(io)?)).collect()
    };
    let certificates = read().map_err(|error| OtlpError::file(path, error))?;
    if certificates.is_empty() {
        return Err(OtlpError::file(path, "there is no certificate in it"));
    }
    Ok(certificates)
}

fn io(error: io::Error) -> rustls::pki_types::pem::Error {
    rustls::pki_types::pem::Error::Io(error)
}
