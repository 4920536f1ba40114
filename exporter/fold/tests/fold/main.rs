//! The store as the proxy writes it and the exporters read it.

mod ceiling;
mod connections;
mod exchanges;
mod grpc;
mod model;
mod steady_state;
mod traffic;
mod views;
mod workers;
