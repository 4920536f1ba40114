//! What both sides of a connection say, and which of it belongs together.

use std::time::Instant;

use flowfold_flow::{FlowSink, KafkaApi, KafkaCluster, Outcome, UnparsedReason};
use flowfold_wire::kafka::{Ended, KafkaEvent, RequestHead, TopicId};

use super::asked::{Asked, Held};
use super::in_flight::InFlight;
use super::partitions;
use super::topics::Topics;
use crate::reader::Listening;

/// Requests of the members of a group: an answer without an error tells the group for the whole connection.
const MEMBERS: [KafkaApi; 8] = [
    KafkaApi::JOIN_GROUP,
    KafkaApi::SYNC_GROUP,
    KafkaApi::HEARTBEAT,
    KafkaApi::OFFSET_COMMIT,
    KafkaApi::TXN_OFFSET_COMMIT,
    KafkaApi::CONSUMER_GROUP_HEARTBEAT,
    KafkaApi::SHARE_GROUP_HEARTBEAT,
    KafkaApi::STREAMS_GROUP_HEARTBEAT,
];

/// How a direction goes on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// As it was.
    Goes,
    /// With the rest of a request.
    Asks,
    /// With the response to such a request in this version.
    Answers(KafkaApi, i16),
    /// With tokens that are no messages.
    Authenticates,
    /// As it was, and the client's with messages alone.
    DoesNotAuthenticate,
    /// With what cannot be followed.
    IsLost(UnparsedReason),
}

/// The exchanges of a connection that are open.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    in_flight: InFlight,
    /// What they hold together.
    held: Held,
    /// The place of the one whose response is under way.
    answering: Option<usize>,
    /// Of the request, and of the response, whose head is not whole yet: when its first byte came, and how many so far.
    request_head: Option<(Instant, u64)>,
    response_head: Option<(Instant, u64)>,
    /// The topic that a response named last, until it gives its id; or the group, until it says what became of it.
    named: String,
    /// The group that the client is a member of.
    group: String,
    /// The broker's cluster, as it was known in that turn.
    cluster: Option<KafkaCluster>,
    cluster_turn: Option<u64>,
}

impl Conversation {
    /// No exchange is open.
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// What the client says, in so many bytes.
    pub(super) fn asks<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        event: Option<KafkaEvent<'_>>,
        count: u64,
        now: Instant,
    ) -> Next {
        let Some(asked) = self.in_flight.asking() else {
            self.request_head.get_or_insert((now, 0)).1 += count;
            return match event {
                Some(KafkaEvent::Request(head)) => self.request_began(listening, &head, now),
                Some(KafkaEvent::Token) => {
                    self.request_head = None;
                    Next::Goes
                }
                _ => Next::Goes,
            };
        };
        asked.request_bytes += count;
        match event {
            Some(KafkaEvent::ClientId(name)) => asked.client_id.push_str(name),
            Some(KafkaEvent::Group(name)) => asked.group.name(name),
            Some(KafkaEvent::TransactionalId(id)) => asked.transactional_id.push_str(id),
            Some(KafkaEvent::Topic(name)) => asked.topic(name),
            Some(KafkaEvent::TopicId(id)) => asked.topic_id(id, &listening.tools.topics),
            Some(KafkaEvent::Partition(told)) => asked.partition_asked(told),
            Some(KafkaEvent::End(ended)) => {
                let authenticates = is_old_handshake(asked);
                self.request_ended(listening, ended, now);
                if authenticates {
                    return Next::Authenticates;
                }
            }
            _ => {}
        }
        Next::Goes
    }

    fn request_began<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        head: &RequestHead,
        now: Instant,
    ) -> Next {
        let (started, bytes) = self.request_head.take().unwrap_or((now, 0));
        let lent = || listening.tools.kafka.take(self.in_flight.len(), &self.held);
        let Some(mut asked) = (!self.in_flight.is_full()).then(lent).flatten() else {
            return Next::IsLost(UnparsedReason::TooManyInFlight);
        };
        asked.begin(head, started, bytes);
        self.in_flight.push(asked);
        Next::Asks
    }

    fn request_ended<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, ended: Ended, now: Instant) {
        let Some(asked) = self.in_flight.asking() else { return };
        asked.request_whole = true;
        asked.request = Some(ended);
        if ended.coordinator_kind.is_some_and(|kind| kind != 0) {
            asked.group.clear();
        }
        // No response comes to a Produce that asks for no acknowledgement; and a broker that answers before it has read
        // the whole request has answered it by now.
        let is_over = asked.answered_at.is_some() || (asked.api == KafkaApi::PRODUCE && ended.acks == Some(0));
        let last = self.in_flight.len().saturating_sub(1);
        if is_over
            && self.answering.is_none_or(|at| at < last)
            && let Some(asked) = self.in_flight.take(last)
        {
            self.finish(listening, asked, Outcome::Answered, now);
        }
    }

    /// What the broker says, in so many bytes.
    pub(super) fn answers<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        event: Option<KafkaEvent<'_>>,
        count: u64,
        now: Instant,
    ) -> Next {
        if let Some(asked) = self.answering.and_then(|at| self.in_flight.get_mut(at)) {
            asked.response_bytes += count;
            if let Some(KafkaEvent::End(ended)) = event {
                return self.response_ended(listening, ended, now);
            }
            if let Some(KafkaEvent::ClusterId(id)) = event {
                listening.tools.clusters.learn(listening.info, &asked.client_id, id);
            }
            told(asked, &mut self.named, event, &listening.tools.topics);
            return Next::Goes;
        }
        self.response_head.get_or_insert((now, 0)).1 += count;
        match event {
            Some(KafkaEvent::Response(head)) => self.response_began(listening, head.correlation_id, now),
            Some(KafkaEvent::Token) => {
                self.response_head = None;
                Next::Goes
            }
            _ => Next::Goes,
        }
    }

    /// Finds what a response answers.
    fn response_began<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        correlation_id: i32,
        now: Instant,
    ) -> Next {
        let mut found = self.in_flight.find(correlation_id);
        // A broker answers in the order of the requests. A Produce in front of this one of which nobody knows whether it
        // asked for a response seems to have asked for none.
        let may_have_none = |asked: &Asked| {
            asked.api == KafkaApi::PRODUCE && asked.request.is_some_and(|request| request.acks.is_none())
        };
        while found.is_some_and(|at| at > 0)
            && let Some(first) = self.in_flight.take_first(may_have_none)
        {
            self.finish(listening, first, Outcome::Unfinished, now);
            found = self.in_flight.find(correlation_id);
        }
        let (started, bytes) = self.response_head.take().unwrap_or((now, 0));
        let Some(asked) = found.and_then(|at| self.in_flight.get_mut(at)) else {
            return Next::IsLost(UnparsedReason::UnexpectedResponse);
        };
        asked.response_began(started, bytes);
        self.answering = found;
        self.named.clear();
        Next::Answers(asked.api, asked.api_version)
    }

    /// Ends the exchange whose response is over.
    fn response_ended<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, ended: Ended, now: Instant) -> Next {
        let Some(at) = self.answering.take() else { return Next::Goes };
        let Some(asked) = self.in_flight.get_mut(at) else { return Next::Goes };
        asked.answered(ended, now);
        // Only the broker tells who is a member: a client can name any group.
        if let (Some(group), true) = (asked.group.only(), MEMBERS.contains(&asked.api))
            && ended.error_code == 0
            && self.group != group
        {
            self.group.clear();
            self.group.push_str(group);
        }
        let is_handshake = is_old_handshake(asked);
        if asked.request_whole
            && let Some(asked) = self.in_flight.take(at)
        {
            self.finish(listening, asked, Outcome::Answered, now);
        }
        match ended.error_code {
            // What was asked behind the handshake already is answered as ever.
            _ if !is_handshake || !self.in_flight.is_empty() => Next::Goes,
            0 => Next::Authenticates,
            _ => Next::DoesNotAuthenticate,
        }
    }

    /// Ends all exchanges that are open.
    pub(super) fn end<S: FlowSink>(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant) {
        self.answering = None;
        while let Some(asked) = self.in_flight.take(0) {
            self.finish(listening, asked, outcome, now);
        }
    }

    /// Tells the sink of an exchange.
    fn finish<S: FlowSink>(
        &mut self,
        listening: &mut Listening<'_, S>,
        asked: Box<Asked>,
        otherwise: Outcome,
        now: Instant,
    ) {
        let clusters = &listening.tools.clusters;
        let turn = clusters.turn();
        if self.cluster_turn.replace(turn) != Some(turn) {
            self.cluster = clusters.find(listening.info, &asked.client_id);
        }
        asked.finish(listening, (self.cluster.as_ref(), &self.group), otherwise, now);
    }
}

/// After a handshake in its first version, tokens follow that are no messages.
fn is_old_handshake(asked: &Asked) -> bool {
    asked.api == KafkaApi::SASL_HANDSHAKE && asked.api_version == 0
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
        Some(KafkaEvent::Partition(told)) => asked.partition_answered(told),
        // Where a group stands in front of topics, an id that follows is not the group's.
        Some(KafkaEvent::Group(name)) if asked.api == KafkaApi::DELETE_GROUPS => {
            named.clear();
            named.push_str(name);
        }
        Some(KafkaEvent::GroupError(0)) => asked.group_deleted(named),
        _ => {}
    }
}

/// Learns the name of an id that stood just behind it.
fn learn(topics: &Topics, id: TopicId, name: &str) {
    if partitions::is_name(name) {
        topics.learn(id, name);
    }
}
