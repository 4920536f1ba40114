//! Follows DNS: pairs answers with their questions by id and question, whatever carried them.

mod reader;

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use flowfold_flow::{
    ByteTally, DnsAnswer, DnsExchange, DnsRcode, DnsRecords, DnsTransport, DnsType, Exchange, FailureReason, FlowSink,
    Operation, Outcome, Side, UnparsedReason,
};
use flowfold_wire::dns::{Message, Question};

pub(crate) use self::reader::DnsReader;
use crate::reader::Listening;

/// How long an answer is waited for. Clients give up after five seconds (glibc, `dig`), and a resolver that asks many
/// servers in turn takes up to ten. What comes later is handed on all the same.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How many questions of one client may wait at once. A busy stub has hundreds; the limit bounds what looking for one
/// among them costs.
const MAX_IN_FLIGHT: usize = 2048;

/// How many questions may wait on one worker: some 20 MB.
const MAX_OPEN: usize = 65_536;

/// How many places for questions a client keeps that has none in flight.
const KEPT_PLACES: usize = 16;

/// The opcode of a query (RFC 1035 section 4.1.1). The others ask for no name.
const QUERY: u8 = 0;

/// The questions of one client to one server that wait for their answers, oldest first.
#[derive(Debug)]
pub(crate) struct Lookups {
    transport: DnsTransport,
    open: VecDeque<Lookup>,
    /// The id of the last question that was answered: a transfer of a zone has many answers.
    answered: Option<u16>,
}

#[derive(Debug)]
struct Lookup {
    id: u16,
    question: Question,
    started: Instant,
    request_bytes: u64,
    _open: Open,
}

/// Counts a question of the worker as open until it is dropped.
#[derive(Debug)]
struct Open(Rc<Cell<usize>>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// How many questions wait on a worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenLookups(Rc<Cell<usize>>);

impl OpenLookups {
    pub(crate) fn count(&self) -> usize {
        self.0.get()
    }

    fn take(&self) -> Option<Open> {
        let open = self.0.get();
        (open < MAX_OPEN).then(|| {
            self.0.set(open + 1);
            Open(Rc::clone(&self.0))
        })
    }
}

/// What became of an exchange, and what it was answered.
struct Ending {
    outcome: Outcome,
    answer: Option<DnsAnswer>,
    response_bytes: u64,
}

impl Lookups {
    pub(crate) fn new(transport: DnsTransport) -> Self {
        Self { transport, open: VecDeque::new(), answered: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// When the oldest question is given up.
    pub(crate) fn oldest_ends(&self) -> Option<Instant> {
        self.open.front().map(|oldest| oldest.started + ANSWER_TIME)
    }

    /// Reads a message of one side that took these bytes on the wire and began then, and tallies them. Whether it was
    /// understood: a question, or the answer to one.
    pub(crate) fn read<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        side: Side,
        (message, wire_bytes): (&[u8], u64),
        (began, now): (Instant, Instant),
    ) -> bool {
        self.give_up_old(listening, now);
        let read = match (Message::read(message), side) {
            (Err(_), _) => Err(UnparsedReason::MalformedMessage),
            (Ok(message), Side::ClientToServer) => self.ask(listening, &message, wire_bytes, (began, now)),
            (Ok(message), Side::ServerToClient) => self.answer(listening, &message, wire_bytes, (began, now)),
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
        message: &Message<'_>,
        wire_bytes: u64,
        (began, now): (Instant, Instant),
    ) -> Result<(), UnparsedReason> {
        if message.is_response {
            return Err(UnparsedReason::MalformedMessage);
        }
        // Others change a zone, or tell of a change; their answers are no lookups either.
        let (QUERY, Some(question)) = (message.opcode, message.question) else { return Ok(()) };
        if self.open.len() >= MAX_IN_FLIGHT
            && let Some(oldest) = self.open.pop_front()
        {
            let ending = Ending { outcome: Outcome::Unfinished, answer: None, response_bytes: 0 };
            self.finish(listening, &oldest, &ending, now);
        }
        let open = listening.tools.lookups.take().ok_or(UnparsedReason::TooManyInFlight)?;
        let lookup = Lookup { id: message.id, question, started: began, request_bytes: wire_bytes, _open: open };
        self.open.push_back(lookup);
        Ok(())
    }

    /// The first question that an answer fits is the one that it answers. A client that asks again after a while has the
    /// same question waiting twice; its first one had to wait for the answer longest, and the other goes without.
    fn answer<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        message: &Message<'_>,
        wire_bytes: u64,
        (began, now): (Instant, Instant),
    ) -> Result<(), UnparsedReason> {
        if !message.is_response {
            return Err(UnparsedReason::MalformedMessage);
        }
        if message.opcode != QUERY {
            return Ok(());
        }
        // Where a server did not understand a question, it may send back the header alone.
        let fits = |lookup: &Lookup| {
            lookup.id == message.id && message.question.is_none_or(|question| question == lookup.question)
        };
        let Some(place) = self.open.iter().position(fits) else {
            let goes_on = self.answered == Some(message.id) && self.transport == DnsTransport::Tcp;
            return if goes_on { Ok(()) } else { Err(UnparsedReason::UnexpectedResponse) };
        };
        self.answered = Some(message.id);
        if let Some(lookup) = self.open.remove(place) {
            let answer = Some(answer_of(message, lookup.question.kind));
            let ending = Ending { outcome: Outcome::Answered, answer, response_bytes: wire_bytes };
            self.finish_answered(listening, &lookup, &ending, (began, now));
        }
        self.let_go_of_places();
        Ok(())
    }

    /// Ends the questions that have waited for too long.
    pub(crate) fn give_up_old<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, now: Instant) {
        while self.oldest_ends().is_some_and(|end| end <= now)
            && let Some(oldest) = self.open.pop_front()
        {
            let outcome = Outcome::Failed(FailureReason::Timeout);
            self.finish(listening, &oldest, &Ending { outcome, answer: None, response_bytes: 0 }, now);
        }
        self.let_go_of_places();
    }

    /// Ends all questions.
    pub(crate) fn end<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant) {
        while let Some(oldest) = self.open.pop_front() {
            self.finish(listening, &oldest, &Ending { outcome, answer: None, response_bytes: 0 }, now);
        }
        self.let_go_of_places();
    }

    fn let_go_of_places(&mut self) {
        if self.open.is_empty() && self.open.capacity() > KEPT_PLACES {
            self.open = VecDeque::new();
        }
    }

    fn finish<S: FlowSink>(&self, listening: &mut Listening<'_, S>, lookup: &Lookup, ending: &Ending, now: Instant) {
        self.tell(listening, lookup, ending, None, now);
    }

    fn finish_answered<S: FlowSink>(
        &self,
        listening: &mut Listening<'_, S>,
        lookup: &Lookup,
        ending: &Ending,
        (began, now): (Instant, Instant),
    ) {
        self.tell(listening, lookup, ending, Some(began.saturating_duration_since(lookup.started)), now);
    }

    fn tell<S: FlowSink>(
        &self,
        listening: &mut Listening<'_, S>,
        lookup: &Lookup,
        ending: &Ending,
        time_to_first_byte: Option<Duration>,
        now: Instant,
    ) {
        let operation = Operation::Dns(DnsExchange {
            transport: self.transport,
            name: lookup.question.name.as_bytes(),
            kind: DnsType(lookup.question.kind),
            answer: ending.answer,
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

fn answer_of(message: &Message<'_>, asked: u16) -> DnsAnswer {
    let mut records = DnsRecords::default();
    for record in message.answers() {
        let count = match record.kind {
            kind if kind == asked => &mut records.of_question,
            kind if DnsType(kind) == DnsType::CNAME => &mut records.aliases,
            _ => &mut records.others,
        };
        *count = count.saturating_add(1);
    }
    DnsAnswer { rcode: DnsRcode(message.rcode()), is_truncated: message.is_truncated, records }
}
