use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::known::{BATCH, Tracked};
use super::*;
use crate::kafka::MAX_MAX_KAFKA_GROUPS;

const TTL: Duration = Duration::from_mins(1);

fn workload(name: &str, namespace: &str) -> Arc<Workload> {
    Arc::new(Workload { namespace: namespace.into(), ..Workload::named(name) })
}

/// The end of a partition of which the broker has told.
fn of_brokers(broker: &Arc<Workload>) -> Sought<'_> {
    let cluster = KafkaCluster::unknown();
    Sought { whose: Whose::Brokers, topic: 3, partition: 0, broker, cluster, client: broker }
}

#[test]
fn workers_share_what_they_know() {
    let positions = Positions::new(10);
    let (broker, client) = (workload("kafka-0", "kafka"), workload("web", "shop"));
    let sought = Sought { client: &client, ..of_brokers(&broker) };
    let mut workers = [KnownPositions::default(), KnownPositions::default()];
    workers[0].tell(&positions, &sought, Told::At(7));
    let other = workload("kafka-1", "kafka");
    workers[1].tell(&positions, &Sought { broker: &other, ..sought }, Told::At(9));
    assert_eq!(positions.all().iter().map(|position| position.offset()).collect::<Vec<_>>(), [9]);
    // Another cluster, another group, another client: others.
    let elsewhere = workload("kafka-0", "staging");
    workers[0].tell(&positions, &Sought { broker: &elsewhere, ..sought }, Told::At(1));
    let another = KafkaCluster::another("b");
    workers[0].tell(&positions, &Sought { cluster: &another, ..sought }, Told::At(1));
    workers[0].tell(&positions, &Sought { whose: Whose::Group(3), ..sought }, Told::At(1));
    workers[0].tell(&positions, &Sought { whose: Whose::Group(4), client: &other, ..sought }, Told::At(1));
    workers[0].tell(&positions, &Sought { whose: Whose::Group(4), ..sought }, Told::At(1));
    workers[0].tell(&positions, &Sought { whose: Whose::Fetcher, ..sought }, Told::At(1));
    workers[0].tell(&positions, &Sought { whose: Whose::Fetcher, client: &other, ..sought }, Told::At(1));
    assert_eq!(positions.len(), 7);
    // The first one's id became known.
    let named = KafkaCluster::first();
    assert!(named.name("a"));
    workers[0].tell(&positions, &Sought { cluster: &named, ..sought }, Told::At(1));
    assert_eq!(positions.len(), 7);
}

#[test]
fn there_are_no_more_than_asked_for() {
    let positions = Positions::new(2);
    let broker = workload("kafka-0", "");
    let mut worker = KnownPositions::default();
    for partition in 0..5 {
        let sought = Sought { partition, ..of_brokers(&broker) };
        worker.tell(&positions, &sought, Told::At(1));
    }
    assert_eq!((positions.len(), positions.turned_away()), (2, 3));
    // One that is known to another worker is found nevertheless.
    let first = of_brokers(&broker);
    KnownPositions::default().tell(&positions, &first, Told::At(5));
    assert!(positions.all().iter().any(|position| position.offset() == 5));
}

#[test]
fn an_idle_one_is_given_up_and_may_return() {
    let positions = Positions::new(1);
    let broker = workload("kafka-0", "");
    let mut worker = KnownPositions::default();
    let of = |partition| Sought { partition, ..of_brokers(&broker) };
    let start = Instant::now();
    worker.tell(&positions, &of(0), Told::At(1));
    positions.expire(start, TTL);
    worker.tell(&positions, &of(0), Told::At(1));
    positions.expire(start + TTL, TTL);
    assert_eq!(positions.len(), 1, "it was written, if with the same offset");
    positions.expire(start + 2 * TTL, TTL);
    assert_eq!(positions.len(), 0);
    worker.tell(&positions, &of(1), Told::At(1));
    worker.tell(&positions, &of(0), Told::At(1));
    assert_eq!((positions.len(), positions.turned_away()), (1, 1));
    positions.expire(start + 3 * TTL, TTL);
    positions.expire(start + 4 * TTL, TTL);
    worker.tell(&positions, &of(0), Told::At(4));
    assert_eq!(positions.all()[0].offset(), 4);
    assert!(worker.0.len() <= 3);
}

#[test]
fn the_end_of_a_log_may_be_told_in_several_ways() {
    let positions = Positions::new(1);
    let broker = workload("kafka-0", "");
    let sought = of_brokers(&broker);
    let mut worker = KnownPositions::default();
    let mut told = |told: Told| {
        worker.tell(&positions, &sought, told);
        positions.all()[0].offset()
    };
    assert_eq!([Told::Beyond(7), Told::Beyond(90), Told::Beyond(80)].map(&mut told), [7, 90, 90]);
    // A Fetch says how it is: a leader that knows less has become one.
    assert_eq!([Told::At(60), Told::Beyond(50), Told::Beyond(61)].map(&mut told), [60, 60, 61]);
    // The topic was made anew, and nobody reads it.
    let ends: Vec<_> = (1..=80).map(|end| told(Told::Beyond(if end % 100 == 50 { 62 } else { end / 2 }))).collect();
    assert_eq!((ends[48], ends[49], ends[79]), (61, 62, 62));
    let ends: Vec<_> = (1..=64).map(|end| told(Told::Beyond(end / 4))).collect();
    assert_eq!((ends[32], ends[33], ends[63]), (62, 8, 16));
}

#[test]
fn a_group_that_has_stopped_is_kept_while_its_partition_lives() {
    let positions = Positions::new(10);
    let broker = workload("kafka-0", "");
    let of = |whose, partition| Sought { whose, partition, ..of_brokers(&broker) };
    let start = Instant::now();
    let mut worker = KnownPositions::default();
    for partition in [0, 1] {
        for whose in [Whose::Brokers, Whose::Group(4), Whose::Fetcher] {
            worker.tell(&positions, &of(whose, partition), Told::At(5));
        }
    }
    let mut kept_after = |ttls: u32| {
        worker.tell(&positions, &of(Whose::Brokers, 0), Told::Beyond(6));
        positions.expire(start + ttls * TTL, TTL);
        let mut kept: Vec<_> = positions.all().iter().map(|it| (it.partition, format!("{:?}", it.whose))).collect();
        kept.sort();
        kept
    };
    assert_eq!(kept_after(0).len(), 6);
    let of_group = [(0, "Brokers".to_owned()), (0, "Group(4)".to_owned())];
    assert_eq!(kept_after(1), of_group);
    assert_eq!(kept_after(7 * 24 * 60 - 1), of_group);
    assert_eq!(kept_after(7 * 24 * 60), of_group[..1]);
}

#[test]
fn groups_that_have_stopped_make_room_where_it_runs_short() {
    let positions = Positions::new(10);
    let broker = workload("kafka-0", "");
    let of = |whose, partition| Sought { whose, partition, ..of_brokers(&broker) };
    let start = Instant::now();
    let mut worker = KnownPositions::default();
    for partition in 0..5 {
        worker.tell(&positions, &of(Whose::Group(4), partition), Told::At(5));
    }
    for ttls in 0..2 {
        for partition in 0..5 {
            worker.tell(&positions, &of(Whose::Brokers, partition), Told::At(6));
        }
        assert_eq!(positions.len(), 10);
        positions.expire(start + ttls * TTL, TTL);
    }
    assert!(positions.len() == 5 && positions.all().iter().all(|position| position.whose == Whose::Brokers));
}

#[test]
fn a_worker_waits_for_few_of_them_at_a_time() {
    const COUNT: usize = 10 * BATCH + 1;
    let positions = Positions::new(2 * COUNT);
    let broker = workload("kafka-0", "");
    let mut worker = KnownPositions::default();
    let mut tell = |partition: usize| {
        let partition = i32::try_from(partition).unwrap();
        let sought = Sought { whose: Whose::Group(4), partition, ..of_brokers(&broker) };
        worker.tell(&positions, &sought, Told::At(1));
    };
    (0..COUNT).for_each(&mut tell);
    let mut held = Vec::new();
    for (known, places) in positions.walk().take(11) {
        held.push(places.len());
        drop(known);
        // It gets in between.
        tell(COUNT + held.len());
    }
    assert!(BATCH <= 64 && held.iter().all(|count| *count <= BATCH), "{held:?}");
    assert_eq!((positions.len(), positions.all().len()), (COUNT + 11, COUNT + 11));
    // All of them go in as many turns; those that come afterwards take their places.
    let start = Instant::now();
    positions.expire(start, TTL);
    tell(0);
    positions.expire(start + TTL, TTL);
    assert_eq!((positions.len(), positions.all().len()), (1, 1));
    (1..COUNT).for_each(&mut tell);
    assert_eq!((positions.len(), positions.walk().count()), (COUNT, 11));
}

#[test]
fn a_group_that_is_made_anew_is_of_its_own_era_at_once() {
    let positions = Positions::new(10);
    let broker = workload("kafka-0", "");
    let sought = Sought { whose: Whose::Group(4), ..of_brokers(&broker) };
    positions.end_group(4, &broker, KafkaCluster::unknown());
    let era = positions.era.load(Ordering::Relaxed);
    // Somebody looks at the positions before the worker gets to write this one.
    let position = positions.find_or_create(7, &sought, Told::At(1), era).unwrap();
    positions.settle();
    assert!(!position.is_retired() && positions.len() == 1);
}

#[test]
fn many_that_end_wait_for_the_lock_once_for_a_good_many() {
    const COUNT: usize = 3 * BATCH;
    let positions = Positions::new(COUNT);
    let broker = workload("kafka-0", "");
    let mut worker = KnownPositions::default();
    let of = |partition: usize| {
        let partition = i32::try_from(partition).unwrap();
        Sought { whose: Whose::Group(4), partition, ..of_brokers(&broker) }
    };
    (0..COUNT).for_each(|partition| worker.tell(&positions, &of(partition), Told::At(1)));
    let mut turns = 0;
    let ended = (0..COUNT - 1).map(|partition| {
        turns += usize::from(positions.known.try_lock().is_ok());
        of(partition)
    });
    positions.end(ended);
    assert_eq!((positions.len(), turns), (1, 3));
}

#[test]
fn a_worker_that_has_met_as_many_as_it_has_room_for_makes_more() {
    let positions = Positions::new(100);
    let broker = workload("kafka-0", "");
    let mut worker = KnownPositions::default();
    let of = |partition| Sought { whose: Whose::Group(4), partition, ..of_brokers(&broker) };
    let mut partition = 0;
    while worker.0.len() < 20 || worker.0.len() + 1 < worker.0.capacity() {
        worker.tell(&positions, &of(partition), Told::At(1));
        partition += 1;
    }
    // One of them ends again and again: after it was gone through once, there is room for a while.
    for _ in 0..2 {
        positions.end(std::iter::once(of(0)));
        worker.tell(&positions, &of(0), Told::At(1));
    }
    let free = worker.0.capacity() - worker.0.len();
    assert!(free >= worker.0.len() / 8, "{free}");
}

#[test]
fn what_is_written_while_it_is_given_up_is_not_lost() {
    let positions = Positions::new(10);
    let broker = workload("kafka-0", "");
    let sought = Sought { whose: Whose::Group(4), ..of_brokers(&broker) };
    let worker = RefCell::new(KnownPositions::default());
    let told = Cell::new(5);
    let tell = || worker.borrow_mut().tell(&positions, &sought, Told::At(told.get()));
    tell();
    positions.end_group(4, &broker, KafkaCluster::unknown());
    // The worker gets in between the look at a position and its end: the group was made anew, and commits.
    let is_old = |tracked: &Tracked| tracked.position.era.load(Ordering::Relaxed) == 0;
    positions.give_up(|_, tracked| {
        let is_over = is_old(tracked);
        if told.replace(7) == 5 {
            tell();
        }
        is_over
    });
    let offsets: Vec<_> = positions.all().iter().map(|position| position.offset()).collect();
    assert_eq!((offsets, positions.len()), (vec![7], 1));
    // It goes on as it was.
    told.set(8);
    tell();
    assert_eq!((positions.all()[0].offset(), worker.borrow().0.len()), (8, 1));
    // A worker that has found it hears of its end when it writes, and looks for another.
    let position = Arc::clone(&positions.all()[0]);
    positions.end_group(4, &broker, KafkaCluster::unknown());
    positions.settle();
    assert!(!position.tell(Told::At(9), positions.era.load(Ordering::Relaxed)));
    tell();
    assert!(positions.len() == 1 && !Arc::ptr_eq(&position, &positions.all()[0]));
}

#[test]
fn a_worker_that_began_before_a_deletion_does_not_undo_what_another_wrote_after_it() {
    let positions = Positions::new(10);
    let broker = workload("kafka-0", "");
    let sought = Sought { whose: Whose::Group(4), ..of_brokers(&broker) };
    let before = positions.era.load(Ordering::Relaxed);
    KnownPositions::default().tell(&positions, &sought, Told::At(1));
    positions.end_group(4, &broker, KafkaCluster::unknown());
    KnownPositions::default().tell(&positions, &sought, Told::At(2));
    assert!(positions.all()[0].tell(Told::At(2), before));
    positions.settle();
    assert_eq!(positions.len(), 1);
}

#[test]
fn a_commit_after_a_deletion_is_kept_whoever_looks_meanwhile() {
    const ROUNDS: i64 = 50_000;
    let positions = Positions::new(10);
    let broker = workload("kafka-0", "");
    let sought = Sought { whose: Whose::Group(4), ..of_brokers(&broker) };
    let hash = positions.hasher.hash_one(sought.identity());
    let is_over = AtomicBool::new(false);
    let lost = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                positions.settle();
            }
        });
        let mut worker = KnownPositions::default();
        let lost = (0..ROUNDS).filter(|round| {
            positions.end_group(4, &broker, KafkaCluster::unknown());
            worker.tell(&positions, &sought, Told::At(*round));
            let known = positions.known();
            known.find(hash, &sought).is_none_or(|tracked| tracked.position.offset() != *round)
        });
        let lost = lost.count();
        is_over.store(true, Ordering::Relaxed);
        lost
    });
    assert_eq!(lost, 0);
}

#[test]
fn however_many_groups_are_deleted_none_keeps_its_lag() {
    const GROUPS: u16 = 10_000;
    let positions = Positions::new(10);
    let (broker, elsewhere) = (workload("kafka-0", ""), workload("kafka-0", "staging"));
    let mut worker = KnownPositions::default();
    let of = |group| Sought { whose: Whose::Group(group), ..of_brokers(&broker) };
    for group in [3, GROUPS / 2, GROUPS - 1, GROUPS] {
        worker.tell(&positions, &of(group), Told::At(1));
    }
    for group in 3..GROUPS {
        positions.end_group(group, &broker, KafkaCluster::unknown());
        positions.end_group(group, &elsewhere, KafkaCluster::unknown());
    }
    positions.settle();
    let kept: Vec<_> = positions.all().iter().map(|position| position.whose).collect();
    assert_eq!(kept, [Whose::Group(GROUPS)]);
    // What waits for the next look is bounded nevertheless.
    for group in 3..GROUPS {
        positions.end_group(group, &broker, KafkaCluster::unknown());
        assert!(positions.deleted.lock().unwrap().len() <= MAX_MAX_KAFKA_GROUPS);
    }
}
