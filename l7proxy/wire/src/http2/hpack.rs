//! Header compression (RFC 7541), as far as reading along needs it.
//!
//! A block is read field by field. Of most fields only the lengths matter, because they decide what the dynamic table
//! holds; only the values behind the names of [`Name`] are read and kept. A Huffman-coded string that nothing depends on
//! is skipped by its length on the wire: neither decoded nor checked.

mod block;
mod huffman;
mod integer;
mod kept;
mod name;
mod static_table;
mod table;

pub use block::{Block, Line, Text, Value};
pub use huffman::Coded;
pub use name::Name;
pub use table::Table;
