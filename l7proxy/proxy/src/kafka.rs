//! Follows a connection to a Kafka broker: joins its responses with its requests, by their correlation ids.

mod asked;
mod clusters;
mod conversation;
mod deleted;
mod in_flight;
mod partitions;
mod topics;

use std::time::Instant;

use flowfold_flow::{FlowSink, Outcome, Side, UnparsedReason};
use flowfold_wire::kafka::{KafkaDecoder, KafkaError};

use crate::reader::{Left, Listening, Reader, Reading};
pub(crate) use asked::AskedPool;
pub(crate) use clusters::Clusters;
use conversation::{Conversation, Next};
pub(crate) use topics::{TopicNames, Topics};

/// What all workers know of Kafka's brokers: the names of topics by their ids, and which cluster an address belongs to. Each
/// clone is the same.
#[derive(Clone, Debug, Default)]
pub struct KafkaKnowledge {
    pub(crate) topic_names: TopicNames,
    pub(crate) clusters: Clusters,
}

/// Both directions of one connection to a broker.
#[derive(Debug)]
pub(crate) struct KafkaReader {
    requests: KafkaDecoder,
    responses: KafkaDecoder,
    conversation: Conversation,
    left: Left,
}

impl Default for KafkaReader {
    fn default() -> Self {
        Self {
            requests: KafkaDecoder::client(),
            responses: KafkaDecoder::server(),
            conversation: Conversation::default(),
            left: Left::default(),
        }
    }
}

impl<S: FlowSink> Reader<S> for KafkaReader {
    fn read(&mut self, listening: &mut Listening<'_, S>, side: Side, mut bytes: &[u8], now: Instant) -> Reading {
        let Self { requests, responses, conversation, .. } = self;
        loop {
            let decoder = match side {
                Side::ClientToServer => &mut *requests,
                Side::ServerToClient => &mut *responses,
            };
            let step = match decoder.advance(bytes) {
                Ok(step) => step,
                Err(error) => return listening.give_up(side, bytes, reason_of(error)),
            };
            if step.needs_more() {
                return Reading::Goes;
            }
            let count = step.consumed as u64;
            let rest = bytes.get(step.consumed..).unwrap_or_default();
            listening.count(side, step.class, count);
            let next = match side {
                Side::ClientToServer => conversation.asks(listening, step.event, count, now),
                Side::ServerToClient => conversation.answers(listening, step.event, count, now),
            };
            match next {
                Next::Goes => {}
                Next::Asks => responses.messages_follow(),
                Next::Answers(api, version) => decoder.answers(api.0, version),
                Next::Authenticates => decoder.tokens_follow(),
                Next::DoesNotAuthenticate => requests.messages_follow(),
                Next::IsLost(reason) => return listening.give_up(side, rest, reason),
            }
            bytes = rest;
        }
    }

    fn end_of_stream(&mut self, listening: &mut Listening<'_, S>, side: Side, now: Instant) {
        if let Some(outcome) = self.left.ended(side) {
            self.conversation.end(listening, outcome, now);
        }
    }

    fn end(&mut self, listening: &mut Listening<'_, S>, outcome: Outcome, now: Instant) {
        self.conversation.end(listening, self.left.outcome(outcome), now);
    }

    fn is_between(&self) -> bool {
        // Whoever waits for the answer to a token would take the end of the connection for a refusal.
        let is_authenticating = self.requests.takes_tokens();
        !is_authenticating
            && self.conversation.is_empty()
            && self.requests.is_between_messages()
            && self.responses.is_between_messages()
    }
}

fn reason_of(error: KafkaError) -> UnparsedReason {
    match error {
        KafkaError::MalformedFrame => UnparsedReason::MalformedFrame,
    }
}

#[cfg(test)]
mod tests;
