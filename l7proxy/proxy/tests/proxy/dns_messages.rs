//! Messages of DNS, made by hand.

/// A question for a name.
pub(crate) fn question(id: u16, kind: u8, name: &str) -> Vec<u8> {
    let mut message = [&id.to_be_bytes()[..], b"\x01\0\0\x01\0\0\0\0\0\0"].concat();
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).expect("a label is short"));
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, kind, 0, 1]);
    message
}

/// The answer to a question, with this response code.
pub(crate) fn answer(question: &[u8], rcode: u8) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2] |= 0x80;
    message[3] = rcode;
    message
}

/// The answer to a question for addresses: the name is an alias for 20 seconds, and these are those of its other name for
/// 60.
pub(crate) fn answer_with(question: &[u8], addresses: impl IntoIterator<Item = [u8; 4]>) -> Vec<u8> {
    let mut message = answer(question, 0);
    let alias = message.len() + 12;
    message.extend(b"\xc0\x0c\0\x05\0\x01\0\0\0\x14\0\x07\x04edge\xc0\x0c");
    let mut count = 1_u8;
    for address in addresses {
        message.extend([0xc0, u8::try_from(alias).expect("the question is short")]);
        message.extend(b"\0\x01\0\x01\0\0\0\x3c\0\x04");
        message.extend(address);
        count += 1;
    }
    message[7] = count;
    message
}

/// A message as it is on a connection.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).expect("it is short").to_be_bytes()[..], message].concat()
}
