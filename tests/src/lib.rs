//! End-to-end tests through real sockets, namespaces, cgroups and peers.
