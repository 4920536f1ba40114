//! Who may use a guarded broker, and how its clients say who they are.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::scripts;
use crate::process::Launch;
use crate::python;

/// The only user.
const USER: &str = "alice";

/// Her password.
pub const PASSWORD: &str = "open-sesame";

const SCRAM: &str = "SCRAM-SHA-256";

/// A program of librdkafka that logs in by a password as it is. By SCRAM, Debian's cannot log in at a broker of Kafka 4.
pub fn log_in(kcat: Launch, password: &str) -> Launch {
    let settings = [
        "security.protocol=sasl_plaintext".to_owned(),
        "sasl.mechanism=PLAIN".to_owned(),
        format!("sasl.username={USER}"),
        format!("sasl.password={password}"),
    ];
    settings.into_iter().fold(kcat, |kcat, setting| kcat.args(["-X", &setting]))
}

/// How a client in Python says who it is.
#[derive(Clone, Copy, Debug)]
pub struct Login {
    /// The version of Kafka whose clients it speaks like: those before 1.0 send tokens without a header.
    pub version: &'static str,
    /// Whether it sends a proof that it knows the password, in two steps, in place of the password.
    pub has_proof: bool,
}

impl Login {
    /// Runs a client that logs in so, and takes so many records of a topic there and back.
    pub fn there_and_back(self, place: impl FnOnce(PathBuf) -> Launch, broker: SocketAddr, topic: &str, records: u64) {
        let script = scripts().join("client_with_login.py");
        let client = place(python::interpreter()).arg("-B").arg(script).args([&broker.to_string(), topic]);
        let mechanism = if self.has_proof { SCRAM } else { "PLAIN" };
        client.args([&records.to_string(), self.version, mechanism, USER, PASSWORD]).stdout();
    }
}

/// What a broker's store is told of the user when it is made.
pub(super) fn stored() -> [String; 2] {
    ["--add-scram".to_owned(), format!("{SCRAM}=[name={USER},password={PASSWORD}]")]
}

/// What a broker's configuration says of her.
pub(super) fn known() -> String {
    let module = "org.apache.kafka.common.security";
    format!(
        "sasl.enabled.mechanisms=PLAIN,{SCRAM}\n\
         listener.name.clients.plain.sasl.jaas.config={module}.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";\n\
         listener.name.clients.scram-sha-256.sasl.jaas.config={module}.scram.ScramLoginModule required;\n"
    )
}
