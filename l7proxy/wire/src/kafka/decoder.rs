//! One direction of a connection.

use super::api::{self, Api};
use super::records::split;
use super::schema::{self, Field, Slot};
use super::walker::{Found, Walker};
use super::{ByteClass, Details, End, Ended, KafkaError, KafkaEvent, RequestHead, ResponseHead, Step};
use crate::limits;

/// Reads along with one direction of a connection to a Kafka broker.
///
/// How a response is written depends on what it answers, which its bytes don't say. The caller keeps that by the
/// correlation id, and says it between the head of the response and the rest: see [`KafkaDecoder::answers`].
#[derive(Debug)]
pub struct KafkaDecoder {
    is_client: bool,
    /// Tokens may come, which have no header.
    takes_tokens: bool,
    state: State,
    gathered: [u8; LONGEST_HEAD],
    /// Bytes of the message that are still to come.
    left: u32,
    /// What is to be walked through behind the header.
    body: Option<Part>,
    walker: Walker,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The length and the fixed part of the header, of which so many bytes came.
    Head(usize),
    /// What stands behind the fixed part of the header.
    Header,
    Body,
    /// All that is left of the message.
    Skipped,
    /// All that is left of a token.
    Token,
}

const BETWEEN: State = State::Head(0);

/// The length of a message.
const LENGTH: usize = size_of::<u32>();

/// The length, the kind, its version and the correlation id of a request.
const LONGEST_HEAD: usize = 12;

/// The length and the correlation id of a response.
const RESPONSE_HEAD: usize = 8;

/// A part of a message, and how it is written.
#[derive(Clone, Copy, Debug)]
struct Part {
    fields: &'static [Field],
    version: i16,
    flexible: bool,
}

impl KafkaDecoder {
    /// The client's direction, from its first byte on. Owns no memory.
    pub fn client() -> Self {
        Self::new(true)
    }

    /// The broker's direction, from its first byte on. Owns no memory.
    pub fn server() -> Self {
        Self::new(false)
    }

    fn new(is_client: bool) -> Self {
        let (gathered, walker) = ([0; LONGEST_HEAD], Walker::default());
        Self { is_client, takes_tokens: false, state: BETWEEN, gathered, left: 0, body: None, walker }
    }

    /// Takes bytes from the front of `input` and says what they are. Takes nothing and tells nothing only when `input`
    /// is empty: see [`Step::needs_more`].
    ///
    /// After an error the decoder must not be used further.
    pub fn advance<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<KafkaEvent<'a>>, KafkaError> {
        match self.state {
            State::Head(came) if self.takes_tokens => self.take_head_or_token(input, came),
            State::Head(came) => self.take_head(input, came),
            State::Skipped => Ok(self.skip(input)),
            State::Token => Ok(self.skip_token(input)),
            State::Header | State::Body => Ok(self.walk(input)),
        }
    }

    /// Says what the response answers that was just begun. Without this, or with what nobody knows, its details are
    /// skipped.
    pub fn answers(&mut self, api_key: i16, api_version: i16) {
        let Some(api) = Api::find(api_key, api_version).filter(|_api| !self.is_client) else { return };
        let flexible = api.is_flexible(api_version);
        let tagged = flexible && api::tags_response(api_key);
        self.walk_through(
            Part { fields: schema::NO_FIELDS, version: 0, flexible: tagged },
            Some(Part { fields: api.response, version: api_version, flexible }),
        );
    }

    /// Says that tokens may follow the message that was just told of: those of an authentication have a length and no header
    /// where `SaslHandshake` was of version 0 (KIP-43, KIP-152). In the client's direction they end by themselves, with the
    /// first message that is a known request in a known version; in the broker's, all that comes is one until
    /// [`messages_follow`](Self::messages_follow) is called.
    pub fn tokens_follow(&mut self) {
        self.takes_tokens = true;
    }

    /// Says that no more tokens follow.
    pub fn messages_follow(&mut self) {
        self.takes_tokens = false;
    }

    /// Whether tokens may follow.
    pub fn takes_tokens(&self) -> bool {
        self.takes_tokens
    }

    /// The direction was closed. What that means for the message under way.
    pub fn finish(&self) -> End {
        if self.is_between_messages() { End::Clean } else { End::Truncated }
    }

    /// Behind a message, or in front of the first.
    pub fn is_between_messages(&self) -> bool {
        self.state == BETWEEN
    }

    /// Bytes of memory owned, beside the decoder itself.
    pub fn memory(&self) -> usize {
        self.walker.memory()
    }

    /// Takes the length and the fixed part of the header.
    fn take_head<'a>(&mut self, input: &[u8], came: usize) -> Result<Step<KafkaEvent<'a>>, KafkaError> {
        let length = if self.is_client { LONGEST_HEAD } else { RESPONSE_HEAD };
        let (consumed, came) = self.gather(input, came, length);
        let least = length.saturating_sub(LENGTH);
        if came >= LENGTH {
            let left = self.length().and_then(|length| length.checked_sub(u32::try_from(least).ok()?));
            self.left = left.ok_or(KafkaError::MalformedFrame)?;
        }
        let event = (came == length).then(|| self.begin());
        Ok(Step { consumed, class: ByteClass::Head, event })
    }

    /// Takes what may be the head of a request, or the beginning of a token.
    fn take_head_or_token<'a>(&mut self, input: &[u8], came: usize) -> Result<Step<KafkaEvent<'a>>, KafkaError> {
        let goal = if came < LENGTH { LENGTH } else { LONGEST_HEAD };
        let (consumed, came) = self.gather(input, came, goal);
        if came < goal {
            return Ok(Step { consumed, class: ByteClass::Head, event: None });
        }
        let length = self.length().ok_or(KafkaError::MalformedFrame)?;
        let rest = u32::try_from(LONGEST_HEAD.saturating_sub(LENGTH)).ok().and_then(|head| length.checked_sub(head));
        let event = match rest {
            Some(_) if self.is_client && came == LENGTH => None,
            // Tokens that people can type do not begin with the number of a request and a version that it has: those of PLAIN
            // begin with two texts of which each ends with a zero, those of SCRAM and OAUTHBEARER with letters, and those of
            // GSSAPI with 0x60, 0x05 or 0x02.
            Some(left) if self.is_client && self.is_known_request() => {
                (self.takes_tokens, self.left) = (false, left);
                Some(self.begin())
            }
            rest => {
                self.left = if came == LENGTH { length } else { rest.unwrap_or_default() };
                self.state = State::Token;
                (self.left == 0).then(|| self.end_token())
            }
        };
        Ok(Step { consumed, class: ByteClass::Head, event })
    }

    /// Gathers bytes of a head up to this length. How many were taken, and how many there are.
    fn gather(&mut self, input: &[u8], came: usize, length: usize) -> (usize, usize) {
        let taken = input.get(..length.saturating_sub(came)).unwrap_or(input);
        self.gathered.iter_mut().skip(came).zip(taken).for_each(|(slot, byte)| *slot = *byte);
        let came = came.saturating_add(taken.len());
        self.state = State::Head(came);
        (taken.len(), came)
    }

    /// The length that was gathered.
    fn length(&self) -> Option<u32> {
        let [a, b, c, d, ..] = self.gathered;
        u32::try_from(i32::from_be_bytes([a, b, c, d])).ok()
    }

    fn is_known_request(&self) -> bool {
        let [_, _, _, _, a, b, c, d, ..] = self.gathered;
        Api::find(i16::from_be_bytes([a, b]), i16::from_be_bytes([c, d])).is_some()
    }

    /// Skips what has come of a token.
    fn skip_token<'a>(&mut self, input: &[u8]) -> Step<KafkaEvent<'a>> {
        let mut rest = input;
        self.left = self.left.saturating_sub(split(&mut rest, self.left));
        let event = (self.left == 0).then(|| self.end_token());
        Step { consumed: input.len().saturating_sub(rest.len()), class: ByteClass::Framing, event }
    }

    /// A token is over.
    fn end_token<'a>(&mut self) -> KafkaEvent<'a> {
        self.state = BETWEEN;
        KafkaEvent::Token
    }

    /// Begins a message whose head is in.
    fn begin<'a>(&mut self) -> KafkaEvent<'a> {
        self.state = State::Skipped;
        self.walker.ended = Ended::default();
        self.body = None;
        let [_, _, _, _, a, b, c, d, id @ ..] = self.gathered;
        let wire_bytes = |head: u64| u64::from(self.left).saturating_add(head);
        if !self.is_client {
            let correlation_id = i32::from_be_bytes([a, b, c, d]);
            return KafkaEvent::Response(ResponseHead { correlation_id, wire_bytes: wire_bytes(8) });
        }
        let (api_key, api_version) = (i16::from_be_bytes([a, b]), i16::from_be_bytes([c, d]));
        let correlation_id = i32::from_be_bytes(id);
        let begun = RequestHead { api_key, api_version, correlation_id, wire_bytes: wire_bytes(12) };
        let api = Api::find(api_key, api_version);
        // The client's name stands at the same place in all headers but the oldest.
        let flexible = api.is_some_and(|api| api.is_flexible(api_version));
        let fields = if api::names_client(api_key, api_version) { schema::CLIENT_ID } else { schema::NO_FIELDS };
        let body = api.map(|api| Part { fields: api.request, version: api_version, flexible });
        self.walk_through(Part { fields, version: 0, flexible }, body);
        KafkaEvent::Request(begun)
    }

    fn walk_through(&mut self, header: Part, body: Option<Part>) {
        self.state = State::Header;
        self.body = body;
        let Part { fields, version, flexible } = header;
        self.walker.begin(fields, version, flexible);
    }

    /// Walks on through the header or the body.
    fn walk<'a>(&'a mut self, input: &'a [u8]) -> Step<KafkaEvent<'a>> {
        let whole = usize::try_from(self.left).unwrap_or(usize::MAX);
        let within = input.get(..whole).unwrap_or(input);
        let is_header = self.state == State::Header;
        let taken = self.walker.advance(within, self.left);
        let consumed = taken.consumed;
        self.left = self.left.saturating_sub(u32::try_from(consumed).unwrap_or(u32::MAX));
        let class = if is_header { ByteClass::Head } else { taken.class };
        let event = match taken.found {
            Found::Nothing => {
                // It wants more than the message has.
                if self.left == 0 && taken.class != ByteClass::Body {
                    return self.skip_rest(input, consumed, class, Details::Malformed);
                }
                None
            }
            Found::Malformed => return self.skip_rest(input, consumed, class, Details::Malformed),
            Found::Text(slot, at) => {
                let text = match at {
                    Some((from, to)) => within.get(from..to).unwrap_or_default(),
                    None => self.walker.text(),
                };
                let text = valid(text.get(..limits::KAFKA_TEXT_BYTES).unwrap_or(text));
                match slot {
                    Slot::ClientId => Some(KafkaEvent::ClientId(text)),
                    Slot::ClusterId => Some(KafkaEvent::ClusterId(text)),
                    Slot::Group => Some(KafkaEvent::Group(text)),
                    Slot::Topic => Some(KafkaEvent::Topic(text)),
                    Slot::TransactionalId => Some(KafkaEvent::TransactionalId(text)),
                    _ => None,
                }
            }
            Found::TopicId(id) => Some(KafkaEvent::TopicId(id)),
            Found::GroupError(code) => Some(KafkaEvent::GroupError(code)),
            Found::Partition(partition) => Some(KafkaEvent::Partition(partition)),
            Found::End if is_header => match self.body.take() {
                None => return self.skip_rest(input, consumed, class, Details::Skipped),
                Some(Part { fields, version, flexible }) => {
                    self.state = State::Body;
                    self.walker.begin(fields, version, flexible);
                    if consumed == 0 {
                        return self.walk(input);
                    }
                    None
                }
            },
            // More bytes than the schema knows of.
            Found::End if self.left > 0 => return self.skip_rest(input, consumed, class, Details::Malformed),
            Found::End => {
                self.walker.ended.details = Details::Read;
                Some(self.end())
            }
        };
        Step { consumed, class, event }
    }

    /// The rest of the message is not read.
    fn skip_rest<'a>(
        &mut self,
        input: &[u8],
        consumed: usize,
        class: ByteClass,
        details: Details,
    ) -> Step<KafkaEvent<'a>> {
        self.walker.ended.details = details;
        self.state = State::Skipped;
        if consumed == 0 {
            return self.skip(input);
        }
        let event = (self.left == 0).then(|| self.end());
        Step { consumed, class, event }
    }

    /// Skips what has come of the message.
    fn skip<'a>(&mut self, input: &[u8]) -> Step<KafkaEvent<'a>> {
        let mut rest = input;
        self.left = self.left.saturating_sub(split(&mut rest, self.left));
        let is_malformed = self.walker.ended.details == Details::Malformed;
        let class = if is_malformed { ByteClass::Unread } else { ByteClass::Body };
        let event = (self.left == 0).then(|| self.end());
        Step { consumed: input.len().saturating_sub(rest.len()), class, event }
    }

    /// The message is over.
    fn end<'a>(&mut self) -> KafkaEvent<'a> {
        self.state = BETWEEN;
        KafkaEvent::End(self.walker.ended)
    }
}

/// A text, without a last character that was cut through. Empty where it is none: its front alone would be another name.
fn valid(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_some() => "",
        Err(error) => bytes.get(..error.valid_up_to()).and_then(|front| std::str::from_utf8(front).ok()).unwrap_or(""),
    }
}
