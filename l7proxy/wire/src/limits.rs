//! Every cap of this crate, with its reason.

/// Longest head (start line, fields and the empty line) in bytes.
///
/// Servers of the field stop at 8 KiB (nginx, Apache), 16 KiB (Node.js) or 60 KiB (Envoy); a longer head gets
/// a refusal from nearly all of them, so remembering more of it tells nothing.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Most field lines in one head or trailer section. Apache and Envoy stop at 100.
pub const FIELDS: usize = 128;

/// Longest trailer section in bytes. Trailers carry checksums and status, never more than a head.
pub const TRAILER_BYTES: usize = 16 * 1024;

/// Longest line in front of a chunk: size and extensions. Extensions are unused in practice, and RFC 9112 section 7.1.1
/// asks recipients to limit them.
pub const CHUNK_LINE_BYTES: u32 = 4 * 1024;

/// Most bytes held while it is not known whether they belong to a tunnel. A client that speaks before its upgrade was
/// answered sends little: a TLS hello, an HTTP/2 preface, a pipelined request.
pub const HELD_BYTES: usize = 16 * 1024;

/// Longest prefix that sniffing looks at: the longest TLS record (RFC 8446 section 5.1) with its header, which holds
/// every `ClientHello` seen in practice several times over.
pub const SNIFF_BYTES: usize = 16 * 1024 + 5;

/// Most empty lines in front of a first request. RFC 9112 section 2.2 asks servers to ignore at least one.
pub const SNIFF_EMPTY_LINES: usize = 4;

/// Longest method name that sniffing takes for one. The longest registered has 17 characters.
pub const SNIFF_METHOD_BYTES: usize = 32;

/// Most protocols kept of a TLS client's ALPN list. Browsers offer two.
pub const ALPN_PROTOCOLS: usize = 16;

/// Longest server name kept of a TLS client: the longest name in DNS (RFC 1035 section 3.1), written out.
pub const SERVER_NAME_BYTES: usize = 253;

/// Longest HTTP/2 header block in bytes: the payload of a HEADERS or `PUSH_PROMISE` frame and its CONTINUATION frames.
///
/// Metadata of gRPC goes beyond what HTTP/1 heads have; still servers of the field stop at 16 KiB (nginx, gRPC's C core)
/// or 60 KiB (Envoy) of what the block says, which is longer than the block itself.
pub const HEADER_BLOCK_BYTES: usize = 128 * 1024;

/// Most CONTINUATION frames in a header block. With frames of the least length that every peer has to take (16 KiB, RFC
/// 9113 section 4.2) the longest block needs 8; empty ones without end are an attack (CVE-2024-27316 and its kin).
pub const CONTINUATIONS: u32 = 64;

/// Longest header list in bytes, as RFC 7541 section 4.1 counts: 32 for each field, and its name and value. A byte of the
/// block can stand for a field as long as the table, so the length of the block alone bounds nothing.
pub const HEADER_LIST_BYTES: usize = 256 * 1024;

/// Most fields in a header block. Go stops at 256 KiB of list by default for a client, which is 8192 of the smallest.
pub const HEADER_LIST_FIELDS: usize = 4096;

/// Largest dynamic table of HPACK in bytes, as RFC 7541 section 4.1 counts. Chrome and Firefox ask for 64 KiB; nearly all
/// others stay at the 4 KiB of RFC 9113 section 6.5.2.
pub const HEADER_TABLE_BYTES: usize = 64 * 1024;

/// Most bytes told of the value of an HTTP/2 field. Routes are recognised by less of a path, and no other value of
/// interest is as long. What a longer one costs to copy and to search is bounded with that, since one byte on the wire
/// can stand for a value of the length of the table.
pub const TEXT_BYTES: usize = 1024;

/// Most memory that an HTTP/2 decoder keeps between two header blocks for values that come coded. Most paths are shorter;
/// what a longer one needed is given back.
pub const KEPT_SCRATCH_BYTES: usize = 1024;

/// Longest text told of a Kafka message. Names of topics have 249 characters at most, and groups and clients that are
/// given longer names than that get the same start of them.
pub const KAFKA_TEXT_BYTES: usize = 256;

/// Most bytes kept of a DNS message that comes in pieces. Every question fits, and all answers but those that no host
/// looks up; the records behind it are not seen.
pub const DNS_HELD_BYTES: usize = 4 * 1024;
