//! A request whose exchange is open.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use flowfold_flow::{
    Exchange, FlowSink, KafkaApi, KafkaCluster, KafkaError, KafkaExchange, KafkaPartition, KafkaSubject,
    KafkaTransaction, Operation, Outcome,
};
use flowfold_wire::kafka::{Ended, Partition, RequestHead, TopicId};

use super::deleted::DeletedGroups;
use super::partitions::Partitions;
use super::topics::Topics;
use crate::reader::Listening;

/// How many records a worker keeps for reuse.
const POOLED: usize = 512;

/// How many exchanges may be open at once on one worker.
const MAX_OPEN: usize = 65_536;

/// How many topics and partitions all open exchanges of a worker hold together. A hostile client can name as many as an
/// exchange may hold in each of its requests; with the limit on names this bounds what that costs, at some 40 MB. Those
/// beyond are counted in sums, first of all on the connections that hold the most: one never takes more than are left for
/// all the others.
const MAX_HELD: usize = 131_072;

/// What is remembered of a request until its response has ended. Lent by the worker's [`AskedPool`].
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) api: KafkaApi,
    pub(super) api_version: i16,
    pub(super) correlation_id: i32,
    pub(super) client_id: String,
    pub(super) group: Group,
    pub(super) transactional_id: String,
    deleted: DeletedGroups,
    partitions: Partitions,
    started: Instant,
    pub(super) request_bytes: u64,
    pub(super) request_whole: bool,
    /// What the request said beside its topics, once it was whole.
    pub(super) request: Option<Ended>,
    pub(super) first_byte: Option<Instant>,
    pub(super) response_bytes: u64,
    response: Option<Ended>,
    pub(super) answered_at: Option<Instant>,
    lent: Option<Lent>,
}

/// The group that a request is about.
#[derive(Debug, Default)]
pub(super) struct Group {
    name: String,
    /// One was named, if with an empty name or with what is no text: that is none of those whose names are known.
    is_named: bool,
    /// More than one was named.
    several: bool,
}

impl Group {
    /// Takes up one that is named.
    pub(super) fn name(&mut self, name: &str) {
        if !self.is_named {
            self.is_named = true;
            self.name.push_str(name);
        } else if self.name != name {
            self.several = true;
        }
    }

    pub(super) fn clear(&mut self) {
        self.name.clear();
        (self.is_named, self.several) = (false, false);
    }

    /// The only one, where there is one.
    pub(super) fn only(&self) -> Option<&str> {
        (!self.several && !self.name.is_empty()).then_some(&*self.name)
    }

    /// The same; and where none is named, that of the connection.
    fn or<'a>(&'a self, of_connection: &'a str) -> Option<&'a str> {
        if self.is_named { self.only() } else { Some(of_connection).filter(|name| !name.is_empty()) }
    }
}

impl Asked {
    fn new() -> Self {
        Self {
            api: KafkaApi::PRODUCE,
            api_version: 0,
            correlation_id: 0,
            client_id: String::new(),
            group: Group::default(),
            transactional_id: String::new(),
            deleted: DeletedGroups::default(),
            partitions: Partitions::default(),
            started: Instant::now(),
            request_bytes: 0,
            request_whole: false,
            request: None,
            first_byte: None,
            response_bytes: 0,
            response: None,
            answered_at: None,
            lent: None,
        }
    }

    /// Takes up a request.
    pub(super) fn begin(&mut self, head: &RequestHead, started: Instant, request_bytes: u64) {
        self.client_id.clear();
        self.group.clear();
        self.transactional_id.clear();
        self.deleted.clear();
        self.partitions.clear();
        self.api = KafkaApi(head.api_key);
        self.api_version = head.api_version;
        self.correlation_id = head.correlation_id;
        self.started = started;
        (self.request_bytes, self.request_whole, self.request) = (request_bytes, false, None);
        (self.first_byte, self.response_bytes, self.response, self.answered_at) = (None, 0, None, None);
    }

    /// The response begins.
    pub(super) fn response_began(&mut self, first_byte: Instant, response_bytes: u64) {
        self.first_byte = Some(first_byte);
        self.response_bytes = response_bytes;
        self.partitions.turn();
    }

    /// The response is over.
    pub(super) fn answered(&mut self, ended: Ended, now: Instant) {
        self.response = Some(ended);
        self.answered_at = Some(now);
    }

    /// What follows belongs to this topic.
    pub(super) fn topic(&mut self, name: &str) {
        self.holding(|partitions, _, may_grow| partitions.topic(name, may_grow));
    }

    /// What follows belongs to this topic.
    pub(super) fn topic_id(&mut self, id: TopicId, known: &Topics) {
        self.holding(|partitions, _, may_grow| partitions.topic_id(id, known, may_grow));
    }

    /// A partition of the topic that was told last, as the request names it.
    pub(super) fn partition_asked(&mut self, told: Partition) {
        self.partition(told, false);
    }

    /// The same, as the response does.
    pub(super) fn partition_answered(&mut self, told: Partition) {
        let has_no_offset = match self.api {
            KafkaApi::OFFSET_FETCH => told.offset.is_some_and(|offset| offset < 0),
            api => api == KafkaApi::OFFSET_DELETE,
        };
        self.partition(told, has_no_offset);
    }

    /// A group that the broker has removed.
    pub(super) fn group_deleted(&mut self, name: &str) {
        self.holding(|_, deleted, may_grow| deleted.add(name, may_grow));
    }

    fn partition(&mut self, mut told: Partition, has_no_offset: bool) {
        // A negative one says that there is none.
        told.offset = told.offset.filter(|offset| *offset >= 0);
        told.high_watermark = told.high_watermark.filter(|offset| *offset >= 0);
        self.holding(|partitions, _, may_grow| partitions.partition(told, has_no_offset, may_grow));
    }

    fn holding(&mut self, change: impl FnOnce(&mut Partitions, &mut DeletedGroups, bool)) {
        let Self { lent: Some(lent), partitions, deleted, .. } = self else { return };
        change(partitions, deleted, lent.may_hold_more());
        lent.hold(partitions.held() + deleted.held());
    }

    /// What it is about beside its topics and its group.
    fn subject<'a>(&'a self, deleted: &'a [&'a str]) -> Option<KafkaSubject<'a>> {
        if !deleted.is_empty() {
            return Some(KafkaSubject::DeletedGroups(deleted));
        }
        let transactional_id = Some(&*self.transactional_id).filter(|id| !id.is_empty())?;
        let request = self.request.unwrap_or_default();
        let producer = (request.producer_id.unwrap_or(-1), request.producer_epoch.unwrap_or(-1));
        Some(KafkaSubject::Transaction(KafkaTransaction {
            transactional_id,
            producer,
            commits: request.commits,
            timeout: request.transaction_timeout_ms.map(millis),
        }))
    }

    /// Tells the sink of the exchange, once, and gives the record back to its pool. A response that was seen to its end
    /// stays one, whatever happened to the connection afterwards.
    pub(super) fn finish<S: FlowSink>(
        self: Box<Self>,
        listening: &mut Listening<'_, S>,
        (cluster, group): (Option<&KafkaCluster>, &str),
        otherwise: Outcome,
        now: Instant,
    ) {
        let since_start = |at: Instant| at.saturating_duration_since(self.started);
        let tools = listening.tools;
        let named = |name| Some(name).filter(|name: &&str| !name.is_empty());
        let partitions = tools.kafka.partitions.take();
        let mut told: Vec<KafkaPartition<'_>> = emptied(partitions);
        told.extend(self.partitions.told_each(self.api));
        let deleted: Vec<_> = self.deleted.names().collect();
        let subject = self.subject(&deleted);
        listening.exchange(&Exchange {
            connection: listening.info,
            operation: Operation::Kafka(KafkaExchange {
                api: self.api,
                api_version: self.api_version,
                cluster,
                client_id: named(&self.client_id),
                group: self.group.or(group),
                topic: self.partitions.only_topic(),
                error: KafkaError(self.response.map_or(0, |response| response.error_code)),
                throttle: self.response.and_then(|response| response.throttle_ms).map(millis),
                max_wait: self.request.and_then(|request| request.max_wait_ms).map(millis),
                partitions: &told,
                more: self.partitions.more(),
                more_error: KafkaError(self.partitions.more_error()),
                subject: subject.as_ref(),
                is_replica: self.request.is_some_and(|request| request.is_replica),
            }),
            outcome: if self.answered_at.is_some() { Outcome::Answered } else { otherwise },
            started: tools.clock.wall(self.started),
            time_to_first_byte: self.first_byte.map(since_start),
            duration: since_start(self.answered_at.unwrap_or(now)),
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            trace: None,
        });
        tools.kafka.partitions.replace(emptied(told));
        tools.kafka.give_back(self);
    }
}

/// So many milliseconds; none where the number is negative.
fn millis(millis: i32) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// The memory of a list for another one, whose elements live shorter or longer.
fn emptied<'b>(mut list: Vec<KafkaPartition<'_>>) -> Vec<KafkaPartition<'b>> {
    list.clear();
    // Nothing is left to be changed; the standard library collects this in place.
    list.into_iter()
        .map(|partition| KafkaPartition { topic: flowfold_flow::KafkaTopic::Unknown, ..partition })
        .collect()
}

/// Records for reuse, so that an exchange in the steady state allocates nothing.
#[derive(Debug, Default)]
#[expect(clippy::vec_box, reason = "a record keeps its place while it moves between the pool and the queues")]
pub(crate) struct AskedPool {
    free: RefCell<Vec<Box<Asked>>>,
    open: Rc<Cell<usize>>,
    held: Held,
    /// The list that an exchange is told with.
    partitions: RefCell<Vec<KafkaPartition<'static>>>,
}

/// Counts a record as open, and what it holds, until it is dropped: which a record does that is lost with a reader that
/// panicked, too.
#[derive(Debug)]
struct Lent {
    open: Rc<Cell<usize>>,
    held: Held,
    of_connection: Held,
    mine: usize,
}

/// How many topics and partitions are held by what shares this count.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Rc<Cell<usize>>);

impl Held {
    /// So many less, and so many more.
    fn change(&self, less: usize, more: usize) {
        self.0.set((self.0.get() + more).saturating_sub(less));
    }
}

impl Lent {
    fn may_hold_more(&self) -> bool {
        self.of_connection.0.get() < MAX_HELD.saturating_sub(self.held.0.get())
    }

    fn hold(&mut self, mine: usize) {
        for held in [&self.held, &self.of_connection] {
            held.change(self.mine, mine);
        }
        self.mine = mine;
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.open.set(self.open.get().saturating_sub(1));
        self.hold(0);
    }
}

impl AskedPool {
    /// A record to begin, unless as many of the connection are `waiting` already as are left for all: see
    /// [`PendingPool::take`](crate::pending::PendingPool::take). What it will hold is `held` by the connection.
    pub(super) fn take(&self, waiting: usize, held: &Held) -> Option<Box<Asked>> {
        let open = self.open.get();
        if waiting >= MAX_OPEN.saturating_sub(open) {
            return None;
        }
        self.open.set(open + 1);
        let mut asked = self.free.borrow_mut().pop().unwrap_or_else(|| Box::new(Asked::new()));
        let (open, held, of_connection) = (Rc::clone(&self.open), self.held.clone(), held.clone());
        asked.lent = Some(Lent { open, held, of_connection, mine: 0 });
        Some(asked)
    }

    fn give_back(&self, mut asked: Box<Asked>) {
        asked.lent = None;
        let mut free = self.free.borrow_mut();
        if free.len() < POOLED {
            asked.deleted.clear();
            asked.partitions.clear();
            asked.partitions.shrink();
            free.push(asked);
        }
    }
}

#[cfg(test)]
mod tests;
