//! Follows DNS: pairs answers with their questions by id and question, whatever carried them.

mod addresses;
mod open;
mod reader;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use flowfold_flow::{
    ByteTally, DnsAddress, DnsAnswer, DnsExchange, DnsRcode, DnsRecords, DnsTransport, DnsType, Exchange,
    FailureReason, FlowSink, Operation, Outcome, Side, UnparsedReason,
};
use flowfold_wire::dns::{Message, NameText, Question};

pub(crate) use self::addresses::Addresses;
use self::open::Open;
pub(crate) use self::open::OpenLookups;
pub(crate) use self::reader::DnsReader;
use crate::reader::Listening;

/// How long an answer is waited for. Clients give up after five seconds (glibc, `dig`), and a resolver that asks many
/// servers in turn takes up to ten. What comes later is handed on all the same.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long clients wait for an answer at least, before they give it up: the shortest time that resolvers can be told.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many questions of one client may wait at once. A busy stub has hundreds; the limit bounds what looking for one
/// among them costs.
const MAX_IN_FLIGHT: usize = 2048;

/// How many answers beyond the first one to questions that were asked again are told from those that nobody asked for.
const MAX_REPEATED: usize = 64;

/// How many places for questions a client keeps that has none in flight.
const KEPT_PLACES: usize = 16;

/// The opcode of a query (RFC 1035 section 4.1.1). The others ask for no name.
const QUERY: u8 = 0;

/// The questions of one client, or of the clients at one address, to one server that wait for their answers, oldest first.
#[derive(Debug)]
pub(crate) struct Lookups {
    transport: DnsTransport,
    open: VecDeque<Lookup>,
    /// Who asked each of `open`, close together: each message looks for its own among them.
    askers: VecDeque<Asker>,
    /// Who asked the last question that was answered: a transfer of a zone has many answers.
    answered: Option<Asker>,
    /// Who asked questions again that are answered, once for each answer that may come beyond the first.
    repeated: VecDeque<Asker>,
    /// Something was asked whose answer nothing here waits for (any more).
    is_owed: bool,
}

/// What tells a question from others for the same name: its id, and, where several clients' questions wait side by side, the
/// client's port; else zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asker {
    port: u16,
    id: u16,
}

#[derive(Debug)]
struct Lookup {
    asker: Asker,
    started: Instant,
    request_bytes: u64,
    /// How often it was asked again.
    repeats: u16,
    open: Open,
}

impl Lookup {
    fn asks(&self, question: &Question<'_>) -> bool {
        *self.open.question() == *question
    }
}

/// What became of an exchange, and what it was answered.
struct Ending<'a> {
    outcome: Outcome,
    answer: Option<DnsAnswer>,
    addresses: &'a [DnsAddress],
    response_bytes: u64,
}

impl Ending<'static> {
    /// Without an answer.
    fn without(outcome: Outcome) -> Self {
        Self { outcome, answer: None, addresses: &[], response_bytes: 0 }
    }
}

impl Lookups {
    pub(crate) fn new(transport: DnsTransport) -> Self {
        let (open, askers, repeated) = Default::default();
        Self { transport, open, askers, answered: None, repeated, is_owed: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether no answer is to be expected any more, not even a late one.
    pub(crate) fn is_settled(&self) -> bool {
        self.open.is_empty() && !self.is_owed
    }

    /// Whether the oldest question has waited for too long.
    fn is_oldest_over(&self, now: Instant) -> bool {
        self.open.front().is_some_and(|oldest| now.saturating_duration_since(oldest.started) >= ANSWER_TIME)
    }

    /// Reads a message of one side that took these bytes on the wire and began then, and tallies them. `port` is the client's,
    /// where it may have several, else zero. Whether it was understood: a question, or the answer to one.
    pub(crate) fn read<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        (side, port): (Side, u16),
        (message, wire_bytes): (&[u8], u64),
        (began, now): (Instant, Instant),
    ) -> bool {
        self.give_up_old(listening, now);
        let read = match Message::read(message) {
            None => Err(UnparsedReason::MalformedMessage),
            Some(message) => match side {
                Side::ClientToServer => self.ask(listening, (&message, port), wire_bytes, (began, now)),
                Side::ServerToClient => self.answer(listening, (&message, port), wire_bytes, (began, now)),
            },
        };
        let tally = listening.tally(side);
        *tally += match read {
            Ok(()) => ByteTally { parsed: wire_bytes, ..ByteTally::default() },
            Err(reason) => ByteTally { unparsed: wire_bytes, reason: Some(reason), ..ByteTally::default() },
        };
        read.is_ok()
    }

    fn ask<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        (message, port): (&Message<'_>, u16),
        wire_bytes: u64,
        (began, now): (Instant, Instant),
    ) -> Result<(), UnparsedReason> {
        if message.is_response {
            return Err(UnparsedReason::MalformedMessage);
        }
        // Others change a zone, or tell of a change; their answers are no lookups either.
        let (QUERY, Some(question)) = (message.opcode, message.question) else {
            self.is_owed = true;
            return Ok(());
        };
        let asker = Asker { port, id: message.id };
        // A datagram that may be lost is sent again, for the same lookup.
        if self.transport == DnsTransport::Udp
            && let Some(asked) = self.place(asker, Some(&question)).and_then(|place| self.open.get_mut(place))
        {
            asked.repeats = asked.repeats.saturating_add(1);
            asked.request_bytes += wire_bytes;
            return Ok(());
        }
        if self.open.len() >= MAX_IN_FLIGHT
            && let Some(oldest) = self.take(0)
        {
            self.is_owed = true;
            self.finish(listening, &oldest, &Ending::without(Outcome::Unfinished), now);
        }
        let open = listening.tools.lookups.take(&question).ok_or(UnparsedReason::TooManyInFlight)?;
        self.askers.push_back(asker);
        self.open.push_back(Lookup { asker, started: began, request_bytes: wire_bytes, repeats: 0, open });
        Ok(())
    }

    /// The first question that an answer fits is the one that it answers.
    fn answer<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        (message, port): (&Message<'_>, u16),
        wire_bytes: u64,
        (began, now): (Instant, Instant),
    ) -> Result<(), UnparsedReason> {
        if !message.is_response {
            return Err(UnparsedReason::MalformedMessage);
        }
        if message.opcode != QUERY {
            return Ok(());
        }
        let asker = Asker { port, id: message.id };
        // Where a server did not understand a question, it may send back the header alone.
        let question = message.question.as_ref();
        let Some(place) = self.place(asker, question).or_else(|| self.place_at_any_port(asker, question)) else {
            return self.answers_more(asker);
        };
        self.answered = Some(asker);
        if let Some(lookup) = self.take(place) {
            for _ in 0..usize::from(lookup.repeats).min(MAX_REPEATED) {
                if self.repeated.len() == MAX_REPEATED {
                    self.repeated.pop_front();
                }
                self.repeated.push_back(lookup.asker);
            }
            let answer = answer_of(message, lookup.open.question().kind);
            let mut room = listening.tools.addresses.take();
            let ending = Ending {
                outcome: Outcome::Answered,
                answer: Some(answer),
                addresses: if listening.wants_addresses() { room.of(message, &answer) } else { &[] },
                response_bytes: wire_bytes,
            };
            self.finish_answered(listening, &lookup, &ending, (began, now));
            listening.tools.addresses.replace(room);
        }
        self.let_go_of_places();
        Ok(())
    }

    /// An answer that no question waits for: the next part of a transfer, or one more answer to a question that was
    /// asked again.
    fn answers_more(&mut self, asker: Asker) -> Result<(), UnparsedReason> {
        if self.transport == DnsTransport::Tcp {
            return if self.answered == Some(asker) { Ok(()) } else { Err(UnparsedReason::UnexpectedResponse) };
        }
        let place = self.repeated.iter().position(|repeated| *repeated == asker);
        place.and_then(|place| self.repeated.remove(place)).map(drop).ok_or(UnparsedReason::UnexpectedResponse)
    }

    /// Ends the questions that have waited for too long.
    #[inline]
    pub(crate) fn give_up_old<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, now: Instant) {
        if self.is_oldest_over(now) {
            self.give_up_those(listening, now);
        }
    }

    #[cold]
    fn give_up_those<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, now: Instant) {
        while self.is_oldest_over(now)
            && let Some(oldest) = self.take(0)
        {
            // Its answer may be late.
            self.is_owed = true;
            let outcome = silence(listening, &oldest);
            self.finish(listening, &oldest, &Ending::without(outcome), now);
        }
        self.let_go_of_places();
    }

    /// A question could not be delivered: the one with this id, or, where that is not known, all of them.
    pub(crate) fn fail<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, id: Option<u16>, now: Instant) {
        let outcome = Outcome::Failed(FailureReason::ConnectFailed);
        let Some(id) = id else { return self.end(listening, outcome, now) };
        if let Some(lookup) = self.place(Asker { port: 0, id }, None).and_then(|place| self.take(place)) {
            self.finish(listening, &lookup, &Ending::without(outcome), now);
        }
        self.let_go_of_places();
    }

    /// The client is gone. Those who wait for an answer that does not come wait for a second at least; it left earlier where it
    /// needed the answer no more, as after another server's.
    pub(crate) fn abandon<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, now: Instant) {
        while let Some(oldest) = self.take(0) {
            let has_waited = now.saturating_duration_since(oldest.started) >= PATIENCE;
            let outcome = if has_waited { silence(listening, &oldest) } else { Outcome::Unfinished };
            self.finish(listening, &oldest, &Ending::without(outcome), now);
        }
        self.let_go_of_places();
    }

    /// Ends all questions.
    pub(crate) fn end<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant) {
        // An error of the network was one question's: answers to the others may come.
        self.is_owed |= self.open.len() > 1;
        while let Some(oldest) = self.take(0) {
            self.finish(listening, &oldest, &Ending::without(outcome), now);
        }
        self.let_go_of_places();
    }

    /// Keeps no more places than are needed, give or take a few: a client that once asked for much would have them for as
    /// long as it asks for anything.
    fn let_go_of_places(&mut self) {
        let needed = self.open.len().max(KEPT_PLACES / 2) * 2;
        if self.open.capacity() > needed * 2 {
            self.open.shrink_to(needed);
            self.askers.shrink_to(needed);
        }
    }

    /// Where the first question of this one is that has, if there is one, this name, type and class.
    fn place(&self, asker: Asker, question: Option<&Question<'_>>) -> Option<usize> {
        let asks = |place, question: &Question<'_>| self.open.get(place).is_some_and(|lookup| lookup.asks(question));
        let is_same = |place: usize| question.is_none_or(|question| asks(place, question));
        self.askers
            .iter()
            .enumerate()
            .find(|(place, of_lookup)| **of_lookup == asker && is_same(*place))
            .map(|(place, _)| place)
    }

    /// Where the only question is that has this id, name, type and class. A firewall of the server's own host may show a client
    /// under one port when it asks and under another when it is answered.
    fn place_at_any_port(&self, asker: Asker, question: Option<&Question<'_>>) -> Option<usize> {
        let question = question.filter(|_| asker.port != 0 && !self.repeated.contains(&asker))?;
        let fits = |(_, lookup): &(usize, &Lookup)| lookup.asker.id == asker.id && lookup.asks(question);
        let mut fitting = self.open.iter().enumerate().filter(fits);
        let (place, _) = fitting.next()?;
        fitting.next().is_none().then_some(place)
    }

    fn take(&mut self, place: usize) -> Option<Lookup> {
        self.askers.remove(place)?;
        self.open.remove(place)
    }

    fn finish<S: FlowSink>(
        &self,
        listening: &mut Listening<'_, S>,
        lookup: &Lookup,
        ending: &Ending<'_>,
        now: Instant,
    ) {
        self.tell(listening, lookup, ending, None, now);
    }

    fn finish_answered<S: FlowSink>(
        &self,
        listening: &mut Listening<'_, S>,
        lookup: &Lookup,
        ending: &Ending<'_>,
        (began, now): (Instant, Instant),
    ) {
        self.tell(listening, lookup, ending, Some(began.saturating_duration_since(lookup.started)), now);
    }

    fn tell<S: FlowSink>(
        &self,
        listening: &mut Listening<'_, S>,
        lookup: &Lookup,
        ending: &Ending<'_>,
        time_to_first_byte: Option<Duration>,
        now: Instant,
    ) {
        let question = lookup.open.question();
        let mut name = NameText::ROOT;
        name.set(&question.name.name());
        let operation = Operation::Dns(DnsExchange {
            transport: self.transport,
            name: name.as_bytes(),
            kind: DnsType(question.kind),
            answer: ending.answer,
            addresses: ending.addresses,
        });
        listening.exchange(&Exchange {
            connection: listening.info,
            operation,
            outcome: ending.outcome,
            started: listening.tools.clock.wall(lookup.started),
            time_to_first_byte,
            duration: now.saturating_duration_since(lookup.started),
            request_bytes: lookup.request_bytes,
            response_bytes: ending.response_bytes,
            trace: None,
        });
    }
}

/// How a lookup ends that was not answered in time.
fn silence<S: FlowSink>(listening: &Listening<'_, S>, lookup: &Lookup) -> Outcome {
    // The answer may have been among what was missed.
    let is_known = listening.tools.missed.get().is_none_or(|missed| missed < lookup.started);
    if is_known { Outcome::Failed(FailureReason::Timeout) } else { Outcome::Unfinished }
}

fn answer_of(message: &Message<'_>, asked: u16) -> DnsAnswer {
    let mut records = DnsRecords::default();
    let mut answers = message.answers();
    for record in answers.by_ref() {
        let count = match record.kind {
            kind if kind == asked => &mut records.of_question,
            kind if DnsType(kind) == DnsType::CNAME => &mut records.aliases,
            _ => &mut records.others,
        };
        *count = count.saturating_add(1);
    }
    DnsAnswer { rcode: DnsRcode(message.rcode_behind(answers)), is_truncated: message.is_truncated, records }
}
