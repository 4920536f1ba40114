//! One direction of a connection to a Kafka broker, read along as a proxy would, with everything it says written down.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::collections::BTreeMap;

use flowfold_wire::kafka::{ByteClass, KafkaDecoder, KafkaError, KafkaEvent};

/// Bytes by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) head: usize,
    pub(crate) body: usize,
    pub(crate) framing: usize,
    pub(crate) unread: usize,
}

/// What was asked for, by correlation ids: the key and the version.
pub(crate) type Asked = BTreeMap<i32, (i16, i16)>;

/// A `SaslHandshake` that is followed by tokens without a header.
const OLD_HANDSHAKE: (i16, i16) = (17, 0);

/// A direction and its books. `events` has one line for each thing said.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) events: Vec<String>,
    pub(crate) totals: Totals,
    pub(crate) error: Option<KafkaError>,
    pub(crate) decoder: KafkaDecoder,
    /// The most memory that the decoder owned when a piece was read.
    pub(crate) memory: usize,
    /// With the client, what it asked for; with the broker, what it answers.
    pub(crate) asked: Asked,
    is_client: bool,
    /// Tokens follow a handshake that announces them.
    takes_tokens: bool,
    /// What the message is that is told of: its key and version.
    under_way: Option<(i16, i16)>,
    /// How many tokens there were.
    tokens: usize,
    fed: usize,
}

impl Side {
    /// The client's direction.
    pub(crate) fn client() -> Self {
        Self::new(KafkaDecoder::client(), true, Asked::new())
    }

    /// The broker's direction, which answers these.
    pub(crate) fn server(asked: Asked) -> Self {
        Self::new(KafkaDecoder::server(), false, asked)
    }

    fn new(decoder: KafkaDecoder, is_client: bool, asked: Asked) -> Self {
        let (events, totals) = (Vec::new(), Totals::default());
        let (error, takes_tokens, under_way) = (None, false, None);
        Self { events, totals, error, decoder, memory: 0, asked, is_client, takes_tokens, under_way, tokens: 0, fed: 0 }
    }

    /// One whose handshakes are followed by tokens where they are of the first version: of a broker, by two.
    pub(crate) fn with_tokens(self) -> Self {
        Self { takes_tokens: true, ..self }
    }

    /// All of these pieces, and the end.
    pub(crate) fn reads_all<'a>(mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        pieces.into_iter().for_each(|piece| self.reads(piece));
        if self.error.is_none() {
            self.events.push(format!("closed: {:?}", self.decoder.finish()));
        }
        self
    }

    /// The next piece.
    pub(crate) fn reads(&mut self, mut input: &[u8]) {
        self.fed += input.len();
        while self.error.is_none() {
            let step = match self.decoder.advance(input) {
                Ok(step) => step,
                Err(error) => {
                    self.error = Some(error);
                    self.events.push(format!("{error:?}"));
                    break;
                }
            };
            if step.needs_more() {
                assert!(input.is_empty(), "bytes are left over");
                break;
            }
            match step.class {
                ByteClass::Head => self.totals.head += step.consumed,
                ByteClass::Body => self.totals.body += step.consumed,
                ByteClass::Framing => self.totals.framing += step.consumed,
                ByteClass::Unread => self.totals.unread += step.consumed,
                ByteClass::Tunnel | ByteClass::Held => panic!("{:?}", step.class),
            }
            input = &input[step.consumed..];
            let event = step.event;
            self.events.extend(event.map(|event| format!("{event:?}")));
            match event {
                Some(KafkaEvent::Request(head)) => {
                    assert!(self.is_client);
                    self.under_way = Some((head.api_key, head.api_version));
                    self.asked.insert(head.correlation_id, (head.api_key, head.api_version));
                }
                Some(KafkaEvent::Response(head)) => {
                    assert!(!self.is_client);
                    self.under_way = self.asked.get(&head.correlation_id).copied();
                    if let Some((key, version)) = self.under_way {
                        self.decoder.answers(key, version);
                    }
                }
                Some(KafkaEvent::End(_)) if self.takes_tokens && self.under_way.take() == Some(OLD_HANDSHAKE) => {
                    self.decoder.tokens_follow();
                }
                Some(KafkaEvent::Token) => {
                    self.tokens += 1;
                    if !self.is_client && self.tokens.is_multiple_of(2) {
                        self.decoder.messages_follow();
                    }
                }
                _ => {}
            }
            self.memory = self.memory.max(self.decoder.memory());
        }
        let Totals { head, body, framing, unread } = self.totals;
        let told = head + body + framing + unread;
        assert!(told == self.fed || (self.error.is_some() && told < self.fed), "bytes");
    }
}
