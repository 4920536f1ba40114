//! The programs in a real kernel: each test in a process, a network namespace and a cgroup of its own.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a test talks to the person who runs it")]

mod agent;
mod datagram_servers;
mod datagram_sockets;
mod datagram_watch;
mod datagrams;
mod death;
mod egress;
mod egress_sockets;
mod elsewhere;
mod exclusive;
mod ingress;
mod isolated;
mod listeners;
mod privileges;
mod records;
mod server;
mod states;
