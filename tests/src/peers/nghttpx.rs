//! nghttpx, a proxy that HTTP/1 clients can upgrade to HTTP/2 (h2c) at.

use std::net::{SocketAddr, TcpStream};

use crate::eventually::eventually;
use crate::process::Process;
use crate::world::World;

/// A proxy that runs.
#[derive(Debug)]
pub struct Nghttpx {
    _process: Process,
}

impl Nghttpx {
    /// Starts it on the world's host, in front of an HTTP/1 server of the host's loopback.
    pub fn start(world: &World, port: u16, backend: u16) -> Self {
        let log = world.directory().join("nghttpx.log");
        let command = world
            .steered("nghttpx")
            .args(["--single-process", "--no-ocsp", "--conf=/dev/null", "--workers=1", "--log-level=ERROR"])
            .arg(format!("--frontend=*,{port};no-tls"))
            .arg(format!("--backend=127.0.0.1,{backend}"))
            .arg(format!("--errorlog-file={}", log.display()));
        let mut process = command.start(world.directory(), "nghttpx");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        world.host.run(|| {
            eventually("nghttpx to listen", || {
                assert!(process.ended().is_none(), "nghttpx ended:\n{}", process.stderr());
                TcpStream::connect(address).ok()
            })
        });
        Self { _process: process }
    }
}
