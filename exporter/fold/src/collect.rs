//! Reads the cells of all workers into a snapshot.

use std::sync::Arc;
use std::time::SystemTime;

use flowfold_flow::{ConnectionOutcome, Protocol, Refusal, Reporters, Side, UnparsedReason};

use crate::kafka::Positions;
use crate::labels::{ExchangeFamily, Labels, Vocabulary};
use crate::names::{self, label};
use crate::registry::{Registry, Retired};
use crate::series::{Reading, SeriesCopy};
use crate::snapshot::{Detail, Family, Histograms, Points, Scalar, Snapshot};
use crate::views::{Projection, Residues, Rows};
use crate::worker::{DIRECTIONS, DirectionCells, ENDINGS, WorkerCells, direction_index};
use crate::{BuildInfo, Health};

/// Everything that a snapshot is read from.
pub(crate) struct Sources<'a> {
    pub(crate) workers: &'a [Arc<WorkerCells>],
    pub(crate) registry: &'a Registry,
    pub(crate) positions: &'a Positions,
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) rows: &'a Rows,
    pub(crate) retired: &'a Retired,
    pub(crate) residues: &'a mut Residues,
    pub(crate) health: &'a Health,
    pub(crate) build: &'a BuildInfo,
    pub(crate) started: SystemTime,
    pub(crate) detail: Detail,
}

impl Sources<'_> {
    pub(crate) fn snapshot(mut self) -> Snapshot {
        let mut snapshot = Snapshot { taken: SystemTime::now(), started: self.started, families: Vec::new() };
        let overflowed = self.exchange_series(&mut snapshot);
        let lags = self.positions.lags(&self.vocabulary.kafka);
        snapshot.push(&names::KAFKA_CONSUMER_LAG, lags.of_groups);
        snapshot.push(&names::KAFKA_FETCH_LAG, lags.of_fetchers);
        snapshot.push(&names::EXCHANGES, self.exchanges());
        // Connections are told of where a view shows them: most agents keep none.
        let shown = |family: &ExchangeFamily| *family != ExchangeFamily::Connection || self.rows.shows(*family);
        let by_family = |count: &dyn Fn(ExchangeFamily) -> u64| {
            let point = |family: ExchangeFamily| {
                Scalar::new(Labels::new([(label::FAMILY, family.metric().name)]), count(family))
            };
            ExchangeFamily::ALL.into_iter().filter(shown).map(point).collect::<Vec<_>>()
        };
        snapshot.push(&names::SERIES, by_family(&|family| self.registry.live(family)));
        snapshot.push(&names::SERIES_CREATED, by_family(&|family| self.registry.created(family)));
        snapshot.push(&names::SERIES_EXPIRED, by_family(&|family| self.registry.expired(family)));
        snapshot.push(&names::SERIES_OVERFLOWED_EXCHANGES, by_family(&|family| overflowed[family as usize]));
        let expired = self.registry.expired_exchanges(self.retired);
        snapshot.push(&names::SERIES_EXPIRED_EXCHANGES, by_family(&|family| expired[family as usize]));
        let budget = self.registry.budget();
        let whole = |number: usize| vec![Scalar::new(Labels::none(), number as u64)];
        snapshot.push(&names::SERIES_BYTES, whole(budget.used()));
        snapshot.push(&names::MAX_SERIES, whole(self.registry.max_series()));
        snapshot.push(&names::MAX_SERIES_BYTES, whole(budget.max()));
        snapshot.push(&names::KAFKA_POSITIONS, whole(self.positions.len()));
        snapshot.push(&names::MAX_KAFKA_POSITIONS, whole(self.positions.max()));
        let turned_away = vec![Scalar::new(Labels::none(), self.positions.turned_away())];
        snapshot.push(&names::KAFKA_POSITIONS_TURNED_AWAY, turned_away);
        let names = &self.vocabulary.destination_names;
        snapshot.push(&names::DESTINATION_ADDRESSES, whole(names.addresses()));
        snapshot.push(&names::MAX_DESTINATION_ADDRESSES, whole(names.max_addresses()));
        let evicted = vec![Scalar::new(Labels::none(), names.evicted())];
        snapshot.push(&names::DESTINATION_ADDRESSES_EVICTED, evicted);
        self.connections(&mut snapshot);
        snapshot.push(&names::STEERED_CONNECTIONS, self.health.steered_points());
        snapshot.push(&names::CONNECTIONS_NOT_OBSERVED, self.health.not_observed_points());
        snapshot.push(&names::BYTES, self.bytes());
        let latency = Points::Histograms(self.added_latency());
        snapshot.families.push(Family { metric: &names::ADDED_LATENCY, points: latency });
        snapshot.push(&names::PROGRAMS_ATTACHED, self.health.program_points());
        let build = [(label::VERSION, self.build.version.clone()), (label::REVISION, self.build.revision.clone())];
        snapshot.push(&names::BUILD_INFO, vec![Scalar::new(Labels::new(build), 1)]);
        snapshot
    }

    /// Adds the families of the views. Returns how many exchanges each family of the store has in its overflow series.
    fn exchange_series(&mut self, snapshot: &mut Snapshot) -> [u64; ExchangeFamily::ALL.len()] {
        let Self { rows, detail, .. } = *self;
        let mut overflowed = [0; ExchangeFamily::ALL.len()];
        let mut projections: Vec<_> = rows.list.iter().map(|row| Projection::new(row, detail)).collect();
        let (mut reading, mut copy) = (Reading::default(), SeriesCopy::default());
        self.registry.for_each(|registered, series| {
            reading.read(series, detail, &mut copy);
            let family = registered.labels.family as usize;
            if registered.labels.is_overflow() {
                overflowed[family] += reading.count();
            }
            for (row, part) in &rows.feeds[family] {
                projections[*row].add(&rows.list[*row].parts[*part], registered, &reading);
            }
        });
        self.residues.add_to(rows, &mut projections, self.registry.budget());
        snapshot.families.extend(projections.into_iter().map(Projection::finish));
        overflowed
    }

    fn exchanges(&self) -> Vec<Scalar> {
        let mut points = Vec::new();
        for direction in self.directions() {
            for (position, ending) in ENDINGS.into_iter().enumerate() {
                let count = self.sum(direction, |cells| cells.exchanges[position].get());
                let labels = [(label::DIRECTION, direction.as_label()), (label::OUTCOME, ending)];
                points.push(Scalar::new(Labels::new(labels), count));
            }
        }
        points
    }

    fn connections(&self, snapshot: &mut Snapshot) {
        let mut opened = Vec::new();
        let mut open = Vec::new();
        let mut closed = Vec::new();
        for direction in self.directions() {
            let (all, over) = self
                .workers
                .iter()
                .map(|worker| worker.directions[usize::from(direction_index(direction))].opened_and_closed())
                .fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1));
            let labels = Labels::new([(label::DIRECTION, direction.as_label())]);
            opened.push(Scalar::new(labels.clone(), all));
            open.push(Scalar::new(labels, all - over));
            for protocol in Protocol::ALL {
                for outcome in ConnectionOutcome::ALL {
                    let count = self.sum(direction, |cells| cells.closed[protocol as usize][outcome.index()].get());
                    let labels = [
                        (label::DIRECTION, direction.as_label()),
                        (label::PROTOCOL, protocol.as_label()),
                        (label::OUTCOME, outcome.as_label()),
                    ];
                    closed.push(Scalar::new(Labels::new(labels), count));
                }
            }
        }
        snapshot.push(&names::CONNECTIONS_OPENED, opened);
        snapshot.push(&names::CONNECTIONS, closed);
        snapshot.push(&names::OPEN_CONNECTIONS, open);
        let refused = Refusal::ALL.map(|refusal| {
            let count = self.workers.iter().map(|worker| worker.refused[refusal.index()].get()).sum::<u64>();
            Scalar::new(Labels::new([(label::REASON, refusal.as_label())]), count)
        });
        snapshot.push(&names::CONNECTIONS_REFUSED, refused.into());
        snapshot.push(&names::DATAGRAMS_UNREAD, self.health.unread_points());
    }

    fn bytes(&self) -> Vec<Scalar> {
        let mut points = Vec::new();
        for side in Side::ALL {
            let mut push = |class: &'static str, reason: &'static str, count: u64| {
                let labels = [(label::SIDE, side.as_label()), (label::CLASS, class), (label::REASON, reason)];
                points.push(Scalar::new(Labels::new(labels), count));
            };
            let sides = || self.workers.iter().map(|worker| &worker.sides[side as usize]);
            push("parsed", "", sides().map(|cells| cells.parsed.get()).sum());
            push("body", "", sides().map(|cells| cells.body.get()).sum());
            push("opaque", "", sides().map(|cells| cells.opaque.get()).sum());
            for reason in UnparsedReason::ALL {
                let count = sides().map(|cells| cells.unparsed[reason.index()].get()).sum();
                push("unparsed", reason.as_label(), count);
            }
        }
        points
    }

    fn added_latency(&self) -> Histograms {
        let mut histograms = Histograms::new(&names::ADDED_LATENCY, self.detail);
        for side in Side::ALL {
            let labels = Labels::new([(label::SIDE, side.as_label())]);
            let position = histograms.push(labels, self.started);
            for worker in self.workers {
                histograms
                    .add(position, self.started, |counts| worker.sides[side as usize].added_latency.add_to(counts));
            }
        }
        histograms
    }

    /// The directions to show: those that rules can have, from the start at zero, and none where it occurred.
    fn directions(&self) -> impl Iterator<Item = Reporters> {
        let occurred = |direction| self.sum(direction, |cells| cells.opened_and_closed().0) > 0;
        DIRECTIONS.into_iter().filter(move |direction| direction.server || direction.client || occurred(*direction))
    }

    fn sum(&self, direction: Reporters, read: impl Fn(&DirectionCells) -> u64) -> u64 {
        self.workers.iter().map(|worker| read(&worker.directions[usize::from(direction_index(direction))])).sum()
    }
}
