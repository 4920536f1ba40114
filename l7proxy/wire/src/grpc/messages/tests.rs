use super::{GrpcContentType, GrpcMessages};

fn message(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![flags];
    message.extend_from_slice(&u32::try_from(payload.len()).expect("short").to_be_bytes());
    message.extend_from_slice(payload);
    message
}

/// Count, bytes, whether any began, whether all are whole, and the status: however the content is cut.
fn read(kind: GrpcContentType, content: &[u8]) -> (u64, u64, bool, bool, Option<u32>) {
    let cut = |length: usize| {
        let mut messages = GrpcMessages::new(kind);
        content.chunks(length).for_each(|piece| messages.read(piece));
        (messages.count(), messages.bytes(), messages.began(), messages.is_whole(), messages.web_status())
    };
    let whole = cut(content.len().max(1));
    for length in 1..9 {
        assert_eq!(whole, cut(length), "in pieces of {length}");
    }
    whole
}

#[test]
fn a_call_has_a_small_state() {
    assert!(size_of::<GrpcMessages>() <= 40, "{}", size_of::<GrpcMessages>());
}

#[test]
fn messages_are_counted() {
    let kind = GrpcContentType::Grpc;
    assert_eq!(read(kind, b""), (0, 0, false, true, None));
    assert_eq!(read(kind, &[0]), (0, 0, true, false, None));
    assert_eq!(read(kind, &message(0, b"")), (1, 0, true, true, None));
    let three = [message(0, b"abc"), message(1, &[0; 300]), message(0, b"")].concat();
    assert_eq!(read(kind, &three), (3, 303, true, true, None));
    assert_eq!(read(kind, &three[..three.len() - 1]), (2, 303, true, false, None));
    assert_eq!(read(kind, &three[..20]), (1, 3, true, false, None));
    // Without gRPC-Web no flag means trailers.
    assert_eq!(read(kind, &message(0x80, b"grpc-status:5\r\n")), (1, 15, true, true, None));
}

#[test]
fn a_length_is_not_believed() {
    let mut messages = GrpcMessages::new(GrpcContentType::Grpc);
    messages.read(&[0, 0xff, 0xff, 0xff, 0xff]);
    messages.read(&vec![0; 1 << 16]);
    assert_eq!((messages.count(), messages.bytes(), messages.is_whole()), (0, 0, false));
}

#[test]
fn trailers_of_grpc_web_tell_the_status() {
    let read = |trailers: &str| {
        let content = [message(0, b"abc"), message(0x80, trailers.as_bytes())].concat();
        let (count, bytes, began, whole, status) = read(GrpcContentType::Web, &content);
        assert_eq!((count, bytes, began, whole), (1, 3, true, true));
        status
    };
    assert_eq!(read("grpc-status:0\r\ngrpc-message:\r\n"), Some(0));
    assert_eq!(read("grpc-message: grpc-status: 3\r\nGrpc-Status: 14 \r\n"), Some(14));
    assert_eq!(read("a: b\ngrpc-status:7"), Some(7));
    assert_eq!(read("grpc-status:7\r\ngrpc-status:8\r\n"), Some(7));
    for none in ["", "grpc-status\r\n", "grpc-status:\r\n", "grpc-status: x\r\n", "grpc-status: 1x\r\n"] {
        assert_eq!(read(none), None, "{none}");
    }
    assert_eq!(read("xgrpc-status: 1\r\n"), None);
    assert_eq!(read("grpc-status2: 1\r\n"), None);
    assert_eq!(read("grpc-status: 99999999999\r\n"), None);
}

#[test]
fn trailers_are_no_message() {
    let read = |content: &[u8]| read(GrpcContentType::Web, content);
    assert_eq!(read(&message(0x80, b"grpc-status:5\r\n")), (0, 0, false, true, Some(5)));
    assert_eq!(read(&message(0x80, b"grpc-status:5")[..12]), (0, 0, false, false, None));
    // Compressed: nothing of it is read.
    assert_eq!(read(&message(0x81, b"grpc-status:5\r\n")), (0, 0, false, true, None));
}

#[test]
fn text_is_read_through_its_base64() {
    // The frames of `abc` and of `grpc-status:5`, each padded for itself, and then as one text.
    let apart = b"AAAAAANhYmM=gAAAAA9ncnBjLXN0YXR1czo1DQo=";
    assert_eq!(read(GrpcContentType::WebText, apart), (1, 3, true, true, Some(5)));
    let together = b"AAAAAANhYmOAAAAAD2dycGMtc3RhdHVzOjUNCg==";
    assert_eq!(read(GrpcContentType::WebText, together), (1, 3, true, true, Some(5)));
}
