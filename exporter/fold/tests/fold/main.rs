//! The store as the proxy writes it and the exporters read it.

mod ceiling;
mod connections;
mod destination_names;
mod detail;
mod dns;
mod exchanges;
mod expiry;
mod explosion;
mod grpc;
mod kafka;
mod kafka_lag;
mod kafka_views;
mod labels;
mod model;
mod steady_state;
mod traffic;
mod views;
mod workers;
