//! Reads the cells of all workers into a snapshot.

use std::sync::Arc;
use std::time::SystemTime;

use flowfold_flow::{ConnectionOutcome, Protocol, Refusal, Reporters, Side, UnparsedReason};

use crate::labels::{ExchangeFamily, ExchangeLabels, Inner, Labels};
use crate::names::{self, label};
use crate::registry::Registry;
use crate::snapshot::{Family, Histograms, Points, Scalar, Snapshot};
use crate::worker::{DIRECTIONS, DirectionCells, ENDINGS, WorkerCells, direction_index};
use crate::{BuildInfo, Health};

/// Everything that a snapshot is read from.
pub(crate) struct Sources<'a> {
    pub(crate) workers: &'a [Arc<WorkerCells>],
    pub(crate) registry: &'a Registry,
    pub(crate) health: &'a Health,
    pub(crate) build: &'a BuildInfo,
    pub(crate) started: SystemTime,
}

impl Sources<'_> {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot { taken: SystemTime::now(), started: self.started, families: Vec::new() };
        let series = self.exchange_series();
        let overflowed = ExchangeFamily::ALL.map(|family| overflowed(&series[family as usize]));
        for (family, histograms) in ExchangeFamily::ALL.into_iter().zip(series) {
            snapshot.families.push(Family { metric: family.metric(), points: Points::Histograms(histograms) });
        }
        snapshot.push(&names::EXCHANGES, self.exchanges());
        snapshot.push(&names::SERIES, by_family(|family| self.registry.live(family)));
        snapshot.push(&names::SERIES_CREATED, by_family(|family| self.registry.created(family)));
        snapshot.push(&names::SERIES_OVERFLOWED_EXCHANGES, by_family(|family| overflowed[family as usize]));
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

    /// The series of each family, with those of the same labels summed over the workers.
    fn exchange_series(&self) -> [Histograms; ExchangeFamily::ALL.len()] {
        let mut families = ExchangeFamily::ALL.map(|family| Histograms::new(family.metric()));
        // Where the series of each registered label set stands in its family.
        let mut positions: Vec<Option<usize>> = Vec::new();
        for series in self.workers.iter().flat_map(|worker| worker.series.iter()) {
            let registered = &series.registered;
            if positions.len() <= registered.id {
                positions.resize(registered.id + 1, None);
            }
            let family = &mut families[registered.labels.family() as usize];
            let position = *positions[registered.id]
                .get_or_insert_with(|| family.push(Labels(Inner::Exchange(Arc::clone(registered))), registered.since));
            family.add(position, |counts| series.histogram.add_to(counts));
        }
        families
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
        let mut histograms = Histograms::new(&names::ADDED_LATENCY);
        for side in Side::ALL {
            let labels = Labels::new([(label::SIDE, side.as_label())]);
            let position = histograms.push(labels, self.started);
            for worker in self.workers {
                histograms.add(position, |counts| worker.sides[side as usize].added_latency.add_to(counts));
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

/// How many values the overflow series of a family has.
fn overflowed(histograms: &Histograms) -> u64 {
    let is_overflow = |labels: &Labels| matches!(&labels.0, Inner::Exchange(registered) if matches!(registered.labels, ExchangeLabels::Overflow(_)));
    histograms.iter().filter(|point| is_overflow(point.labels)).map(|point| point.count()).sum()
}

fn by_family(count: impl Fn(ExchangeFamily) -> u64) -> Vec<Scalar> {
    let point =
        |family: ExchangeFamily| Scalar::new(Labels::new([(label::FAMILY, family.metric().name)]), count(family));
    ExchangeFamily::ALL.map(point).into()
}
