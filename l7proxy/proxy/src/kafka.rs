//! Follows a connection to a Kafka broker: joins its responses with its requests, by their correlation ids.

mod asked;
mod partitions;
mod topics;

use std::collections::VecDeque;
use std::time::Instant;

use flowfold_flow::{Blame, FailureReason, FlowSink, KafkaApi, Outcome, Side, UnparsedReason};
use flowfold_wire::kafka::{Ended, KafkaDecoder, KafkaError, KafkaEvent, RequestHead, TopicId};

use crate::reader::{Listening, Reader, Reading};
use asked::Asked;
pub(crate) use asked::AskedPool;
pub use topics::TopicNames;
pub(crate) use topics::Topics;

/// How many requests of one connection may wait for their responses. Clients send a handful at once and brokers take one
/// after the other, so what is beyond stands in the sockets; the limit bounds what a hostile one can make the agent
/// remember.
const MAX_IN_FLIGHT: usize = 1024;

/// Requests of the members of a group: an answer without an error tells the group for the whole connection.
const MEMBERS: [KafkaApi; 6] = [
    KafkaApi::JOIN_GROUP,
    KafkaApi::SYNC_GROUP,
    KafkaApi::HEARTBEAT,
    KafkaApi::OFFSET_COMMIT,
    KafkaApi::TXN_OFFSET_COMMIT,
    KafkaApi::CONSUMER_GROUP_HEARTBEAT,
];

/// Both directions of one connection to a broker.
#[derive(Debug)]
pub(crate) struct KafkaReader {
    requests: KafkaDecoder,
    responses: KafkaDecoder,
    /// The requests whose exchanges are open, oldest first.
    in_flight: VecDeque<Box<Asked>>,
    /// The place in it of the one whose response is under way.
    answering: Option<usize>,
    /// Of the request, and of the response, whose head is not whole yet: when its first byte came, and how many so far.
    request_head: Option<(Instant, u64)>,
    response_head: Option<(Instant, u64)>,
    /// The topic that a response named last, until it gives its id.
    named: String,
    /// The group that the client is a member of.
    group: String,
    /// The side that closed the connection first. That side has given up what is open.
    left: Option<Side>,
}

impl Default for KafkaReader {
    fn default() -> Self {
        Self {
            requests: KafkaDecoder::client(),
            responses: KafkaDecoder::server(),
            in_flight: VecDeque::new(),
            answering: None,
            request_head: None,
            response_head: None,
            named: String::new(),
            group: String::new(),
            left: None,
        }
    }
}

impl<S: FlowSink> Reader<S> for KafkaReader {
    fn read(&mut self, listening: &mut Listening<'_, S>, side: Side, bytes: &[u8], now: Instant) -> Reading {
        match side {
            Side::ClientToServer => self.read_requests(listening, bytes, now),
            Side::ServerToClient => self.read_responses(listening, bytes, now),
        }
    }

    fn end_of_stream(&mut self, listening: &mut Listening<'_, S>, side: Side, now: Instant) {
        let left = *self.left.get_or_insert(side);
        // After the client's end, the broker may still answer what it has.
        if side == Side::ServerToClient {
            self.finish_all(listening, Outcome::Failed(closed_by(left)), now);
        }
    }

    fn end(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant) {
        let outcome = match (outcome, self.left) {
            (Outcome::Failed(reason), Some(side)) if reason.blame() != Blame::Agent => Outcome::Failed(closed_by(side)),
            _ => outcome,
        };
        self.finish_all(listening, outcome, now);
    }

    fn is_between(&self) -> bool {
        self.in_flight.is_empty() && self.requests.is_between_messages() && self.responses.is_between_messages()
    }
}

impl KafkaReader {
    fn read_requests<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        mut bytes: &[u8],
        now: Instant,
    ) -> Reading {
        let side = Side::ClientToServer;
        loop {
            let step = match self.requests.advance(bytes) {
                Ok(step) => step,
                Err(error) => return listening.give_up(side, bytes, reason_of(error)),
            };
            if step.needs_more() {
                return Reading::Goes;
            }
            let count = step.consumed as u64;
            let rest = bytes.get(step.consumed..).unwrap_or_default();
            listening.count(side, step.class, count);
            match self.in_flight.back_mut() {
                Some(asked) if !asked.request_whole => asked.request_bytes += count,
                _ => self.request_head.get_or_insert((now, 0)).1 += count,
            }
            let asked = self.in_flight.back_mut().filter(|asked| !asked.request_whole);
            match (step.event, asked) {
                (Some(KafkaEvent::Request(head)), _) => {
                    if let Err(reason) = self.request_began(listening, &head, now) {
                        return listening.give_up(side, rest, reason);
                    }
                }
                (Some(KafkaEvent::ClientId(name)), Some(asked)) => asked.client_id.push_str(name),
                (Some(KafkaEvent::Group(name)), Some(asked)) => asked.group.name(name),
                (Some(KafkaEvent::Topic(name)), Some(asked)) => asked.topic(name),
                (Some(KafkaEvent::TopicId(id)), Some(asked)) => asked.topic_id(id, &listening.tools.topics),
                (Some(KafkaEvent::Partition(told)), Some(asked)) => asked.partition(told),
                (Some(KafkaEvent::End(ended)), Some(_)) => self.request_ended(listening, ended, now),
                _ => {}
            }
            bytes = rest;
        }
    }

    fn request_began<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        head: &RequestHead,
        now: Instant,
    ) -> Result<(), UnparsedReason> {
        let (started, bytes) = self.request_head.take().unwrap_or((now, 0));
        let asked =
            listening.tools.kafka.take(self.in_flight.len()).filter(|_asked| self.in_flight.len() < MAX_IN_FLIGHT);
        let mut asked = asked.ok_or(UnparsedReason::TooManyInFlight)?;
        asked.begin(head, started, bytes);
        self.in_flight.push_back(asked);
        Ok(())
    }

    fn request_ended<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, ended: Ended, now: Instant) {
        let Some(asked) = self.in_flight.back_mut() else { return };
        asked.request_whole = true;
        asked.request = Some(ended);
        if ended.coordinator_kind.is_some_and(|kind| kind != 0) {
            asked.group.clear();
        }
        // No response comes to a Produce that asks for no acknowledgement; and a broker that answers before it has read
        // the whole request has answered it by now.
        let is_over = asked.answered_at.is_some() || (asked.api == KafkaApi::PRODUCE && ended.acks == Some(0));
        if is_over
            && self.answering.is_none_or(|at| at + 1 < self.in_flight.len())
            && let Some(asked) = self.in_flight.pop_back()
        {
            asked.finish(listening, &self.group, Outcome::Answered, now);
        }
    }

    fn read_responses<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        mut bytes: &[u8],
        now: Instant,
    ) -> Reading {
        let side = Side::ServerToClient;
        loop {
            let step = match self.responses.advance(bytes) {
                Ok(step) => step,
                Err(error) => return listening.give_up(side, bytes, reason_of(error)),
            };
            if step.needs_more() {
                return Reading::Goes;
            }
            let count = step.consumed as u64;
            let rest = bytes.get(step.consumed..).unwrap_or_default();
            listening.count(side, step.class, count);
            match (step.event, self.answering) {
                (Some(KafkaEvent::Response(head)), _) => {
                    self.response_head.get_or_insert((now, 0)).1 += count;
                    let Some((api, version)) = self.response_began(listening, head.correlation_id, now) else {
                        return listening.give_up(side, rest, UnparsedReason::UnexpectedResponse);
                    };
                    self.responses.answers(api.0, version);
                }
                (Some(KafkaEvent::End(ended)), Some(at)) => {
                    if self.response_ended(listening, at, count, ended, now) {
                        listening.tally(side).opaque += rest.len() as u64;
                        return Reading::BecameTunnel;
                    }
                }
                (event, Some(at)) => {
                    if let Some(asked) = self.in_flight.get_mut(at) {
                        asked.response_bytes += count;
                        told(asked, &mut self.named, event, &listening.tools.topics);
                    }
                }
                (_, None) => self.response_head.get_or_insert((now, 0)).1 += count,
            }
            bytes = rest;
        }
    }

    /// Finds what a response answers. None where nothing was asked like that.
    fn response_began<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        correlation_id: i32,
        now: Instant,
    ) -> Option<(KafkaApi, i16)> {
        let mut at = self.in_flight.iter().position(|asked| asked.correlation_id == correlation_id)?;
        // A broker answers in the order of the requests. A Produce in front of this one of which nobody knows whether it
        // asked for a response seems to have asked for none.
        while at > 0
            && let Some(first) = self.in_flight.front()
            && first.api == KafkaApi::PRODUCE
            && first.request.is_some_and(|request| request.acks.is_none())
            && let Some(first) = self.in_flight.pop_front()
        {
            first.finish(listening, &self.group, Outcome::Unfinished, now);
            at -= 1;
        }
        let (started, bytes) = self.response_head.take().unwrap_or((now, 0));
        let asked = self.in_flight.get_mut(at)?;
        asked.response_began(started, bytes);
        self.answering = Some(at);
        self.named.clear();
        Some((asked.api, asked.api_version))
    }

    /// Ends the exchange whose response is over. Whether the connection goes on with something that isn't Kafka.
    fn response_ended<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        at: usize,
        count: u64,
        ended: Ended,
        now: Instant,
    ) -> bool {
        self.answering = None;
        let Some(asked) = self.in_flight.get_mut(at) else { return false };
        asked.response_bytes += count;
        asked.answered(ended, now);
        // Only the broker tells who is a member: a client can name any group.
        if let (Some(group), true) = (asked.group.only(), MEMBERS.contains(&asked.api))
            && ended.error_code == 0
            && self.group != group
        {
            self.group.clear();
            self.group.push_str(group);
        }
        // After a handshake in its first version, tokens follow that are no requests; nothing says where they end.
        let is_handshake = asked.api == KafkaApi::SASL_HANDSHAKE && asked.api_version == 0 && ended.error_code == 0;
        if asked.request_whole
            && let Some(asked) = self.in_flight.remove(at)
        {
            asked.finish(listening, &self.group, Outcome::Answered, now);
        }
        is_handshake
    }

    fn finish_all<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant) {
        self.answering = None;
        while let Some(asked) = self.in_flight.pop_front() {
            asked.finish(listening, &self.group, outcome, now);
        }
    }
}

/// Takes up what a response tells of topics and partitions.
fn told(asked: &mut Asked, named: &mut String, event: Option<KafkaEvent<'_>>, topics: &Topics) {
    // Metadata is about the topics that were asked for, whatever others there are.
    let is_about = asked.api != KafkaApi::METADATA;
    match event {
        Some(KafkaEvent::Topic(name)) => {
            named.clear();
            named.push_str(name);
            if is_about {
                asked.topic(name);
            }
        }
        Some(KafkaEvent::TopicId(id)) => {
            learn(topics, id, named);
            named.clear();
            if is_about {
                asked.topic_id(id, topics);
            }
        }
        Some(KafkaEvent::Partition(told)) => asked.partition(told),
        _ => {}
    }
}

/// Learns the name of an id that stood just behind it.
fn learn(topics: &Topics, id: TopicId, name: &str) {
    if partitions::is_name(name) {
        topics.learn(id, name);
    }
}

/// Why the exchanges failed that were open when this side closed the connection.
fn closed_by(side: Side) -> FailureReason {
    match side {
        Side::ClientToServer => FailureReason::ClientClosed,
        Side::ServerToClient => FailureReason::ServerClosed,
    }
}

fn reason_of(error: KafkaError) -> UnparsedReason {
    match error {
        KafkaError::MalformedFrame => UnparsedReason::MalformedFrame,
    }
}

#[cfg(test)]
mod tests;
