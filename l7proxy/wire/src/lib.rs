//! Bytes to messages, without IO: HTTP/1 and the sniffing of protocols.
