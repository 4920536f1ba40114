//! What a `PromQL` expression reads and what it makes, told by a parser: which names, which labels, and which parts of it
//! have to return data.

mod catalogue;
mod claims;
mod inspect;

pub use catalogue::{Catalogue, Labels};
pub use claims::{claims, unconditional};
pub use inspect::{Inspection, inspect};

use promql_parser::parser::{self, Expr};

/// Reads an expression. The error says where it ends to be one.
pub fn parse(text: &str) -> Result<Expr, String> {
    parser::parse(text).map_err(|error| format!("no PromQL: {error}: {text}"))
}
