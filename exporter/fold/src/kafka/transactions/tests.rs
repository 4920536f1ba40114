use std::ptr;

use super::held::KEPT_OFFSETS;
use super::producer::KEPT;
use super::*;

fn held(number: usize, offset: i64) -> Held {
    Held { group: 3, topic: 3, partition: i32::try_from(number).unwrap(), offset }
}

fn named_as<'a>(namespace: &'a Arc<str>, transactional_id: &'a str, producer: (i64, i16)) -> Named<'a> {
    Named { namespace, cluster: KafkaCluster::unknown(), transactional_id, producer }
}

/// Holds these for a producer. Returns what counts at once.
fn hold(transactions: &Transactions, named: &Named<'_>, told: impl IntoIterator<Item = Held>) -> Vec<Held> {
    let mut counted = Vec::new();
    transactions.hold(named, told.into_iter(), |held| counted.push(held));
    counted
}

/// Returns what is over, sorted.
fn turn(transactions: &Transactions, named: &Named<'_>) -> Vec<Held> {
    begin(transactions, named, None)
}

/// The same, with what the producer says.
fn begin(transactions: &Transactions, named: &Named<'_>, timeout: Option<Duration>) -> Vec<Held> {
    let mut offsets = HeldOffsets::default();
    assert!(offsets.hold(held(99, 99), |_| true));
    transactions.turn(named, timeout, &mut offsets);
    let mut over: Vec<_> = offsets.drain().collect();
    over.sort_unstable();
    over
}

/// How many producers are known, and how many offsets they hold.
fn known(transactions: &Transactions) -> (usize, usize) {
    let (mut producers, mut held) = (0, 0);
    for known in transactions.each_known() {
        producers += known.producers.len();
        held += known.producers.iter().map(|producer| producer.offsets.len()).sum::<usize>();
    }
    let counted = [&transactions.producers, &transactions.held].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(counted, [producers, held]);
    (producers, held)
}

#[test]
fn what_is_held_is_bounded_and_the_rest_counts_at_once() {
    let transactions = Transactions::default();
    let namespace = "kafka".into();
    let named = |transactional_id| named_as(&namespace, transactional_id, (1, 0));
    let (first, other) = (named("app-0"), named("app-1"));
    // Of a producer that nobody knows nothing is held.
    assert_eq!(hold(&transactions, &first, [held(0, 1)]), [held(0, 1)]);
    assert_eq!((turn(&transactions, &first), turn(&transactions, &other)), (vec![], vec![]));
    let many = (0..MAX_HELD).map(|number| held(number, 1));
    let counted = hold(&transactions, &first, many.clone());
    // One leaves as many as it has to all others.
    assert_eq!((counted.len(), counted[0]), (MAX_HELD / 2, held(MAX_HELD / 2, 1)));
    assert_eq!(hold(&transactions, &other, many.clone()).len(), MAX_HELD / 4 * 3);
    // What is known already needs no place, whatever the order.
    assert_eq!(hold(&transactions, &first, [5, 0, 1, 4].map(|number| held(number, 2))), []);
    assert_eq!(turn(&transactions, &first).len(), MAX_HELD / 2);
    transactions.for_each(|held| assert_eq!(held.offset, 1));
    let now = Instant::now();
    for at in [now, now + KEPT] {
        transactions.expire(at);
    }
    assert_eq!(known(&transactions), (0, 0));
    let long = "a".repeat(MAX_ID_BYTES + 1);
    assert_eq!(turn(&transactions, &named(&long)), []);
    assert_eq!(known(&transactions), (0, 0));
}

#[test]
fn the_memory_of_what_was_held_is_bounded() {
    let transactions = Transactions::default();
    let namespace = "kafka".into();
    // As a worker has it.
    let mut offsets = HeldOffsets::default();
    for number in 0..20 {
        let id = format!("app-{number}");
        let named = named_as(&namespace, &id, (1, 0));
        for _ in 0..2 {
            transactions.turn(&named, None, &mut offsets);
            hold(&transactions, &named, (0..500).map(|number| held(number, 1)));
        }
        transactions.turn(&named, None, &mut offsets);
        assert_eq!(offsets.drain().count(), 500);
    }
    assert_eq!(known(&transactions), (20, 0));
    let of_part = |known: &Known| known.producers.iter().map(|producer| producer.offsets.capacity()).sum::<usize>();
    let kept: usize = transactions.each_known().map(|known| of_part(&known)).sum();
    assert!(kept <= 20 * KEPT_OFFSETS, "{kept}");
}

#[test]
fn a_producer_that_begins_anew_has_aborted_what_was_open() {
    let transactions = Transactions::default();
    let (namespace, elsewhere) = ("kafka".into(), "staging".into());
    let named = |epoch| named_as(&namespace, "app", (7, epoch));
    turn(&transactions, &named(0));
    assert_eq!(hold(&transactions, &named(0), [held(0, 1), held(1, 1)]), []);
    assert_eq!(turn(&transactions, &named(-1)), []);
    assert_eq!(hold(&transactions, &named(1), [held(1, 2), held(1, 3)]), []);
    assert_eq!(turn(&transactions, &Named { namespace: &elsewhere, ..named(1) }), []);
    let another = KafkaCluster::another("b");
    assert_eq!(turn(&transactions, &Named { cluster: &another, ..named(1) }), []);
    assert_eq!(turn(&transactions, &named(1)), [held(1, 3)]);
    assert_eq!(turn(&transactions, &named(1)), []);
    assert_eq!(hold(&transactions, &named(1), [held(1, 4)]), []);
    assert_eq!(turn(&transactions, &named(2)), [], "the older one ended some other way");
    assert_eq!(known(&transactions), (3, 0));
}

#[test]
fn a_producer_whose_ends_are_not_seen_any_more_is_forgotten() {
    let transactions = Transactions::default();
    let namespace = "kafka".into();
    let named = |epoch| named_as(&namespace, "app", (7, epoch));
    let start = Instant::now();
    let seconds = |seconds| start + Duration::from_secs(seconds);
    turn(&transactions, &named(0));
    transactions.expire(seconds(0));
    // It has stood still for long when it begins another one.
    transactions.expire(seconds(600));
    assert_eq!(hold(&transactions, &named(0), [held(0, 1), held(1, 1)]), []);
    for at in [620, 640, 660] {
        transactions.expire(seconds(at));
        assert_eq!(hold(&transactions, &named(0), [held(0, 2)]), []);
    }
    assert_eq!(turn(&transactions, &named(0)), [held(0, 2), held(1, 1)]);
    assert_eq!(hold(&transactions, &named(0), [held(0, 3), held(1, 3)]), []);
    for at in [680, 700, 720, 740] {
        transactions.expire(seconds(at));
    }
    // One that does not commit again may take its time.
    assert_eq!(turn(&transactions, &named(0)), [held(0, 3), held(1, 3)]);
    assert_eq!(hold(&transactions, &named(0), [held(0, 4), held(1, 4)]), []);
    for at in [760, 780, 800, 820] {
        transactions.expire(seconds(at));
    }
    let mut counted = hold(&transactions, &named(0), [held(0, 5)]);
    counted[..2].sort_unstable();
    assert_eq!(counted, [held(0, 4), held(1, 4), held(0, 5)]);
    assert_eq!(hold(&transactions, &named(0), [held(0, 6)]), [held(0, 6)]);
    assert_eq!((turn(&transactions, &named(0)), known(&transactions)), (vec![], (1, 0)));
    // Each end gives it another epoch, if nobody sees them.
    assert_eq!(hold(&transactions, &named(1), [held(0, 7)]), []);
    assert_eq!(turn(&transactions, &named(1)), [held(0, 7)]);
    assert_eq!(hold(&transactions, &named(2), [held(0, 8), held(1, 8)]), []);
    assert_eq!(hold(&transactions, &named(3), [held(0, 9)]), [held(0, 9)]);
    assert_eq!(hold(&transactions, &named(3), [held(0, 10)]), [held(0, 10)]);
    assert_eq!(known(&transactions), (0, 0));
}

#[test]
fn a_producer_that_holds_nothing_makes_room() {
    let transactions = Transactions::default();
    let namespace = "kafka".into();
    let ids: Vec<_> = (0..2 * MAX_PRODUCERS).map(|number| format!("app-{number}")).collect();
    let of = |number: usize| named_as(&namespace, &ids[number], (1, 0));
    let part = |number: usize| ptr::from_ref(transactions.part(transactions.hash(&of(number))));
    let is_known = |number: usize| {
        transactions.each_known().any(|known| known.producers.iter().any(|producer| producer.is(&of(number))))
    };
    (0..MAX_PRODUCERS).for_each(|number| assert_eq!(turn(&transactions, &of(number)), []));
    assert_eq!(hold(&transactions, &of(0), [held(0, 1)]), []);
    // Of those that share its part, the first one that stands still.
    let newcomer = (MAX_PRODUCERS..ids.len()).find(|number| part(*number) == part(0)).unwrap();
    let beside: Vec<_> = (1..MAX_PRODUCERS).filter(|number| part(*number) == part(0)).take(3).collect();
    turn(&transactions, &of(beside[0]));
    turn(&transactions, &of(newcomer));
    let known_beside: Vec<_> = beside.iter().map(|number| is_known(*number)).collect();
    assert_eq!((known_beside, [0, newcomer].map(is_known)), (vec![true, false, true], [true, true]));
    // Whoever makes up as many as there may be is in nobody's way for longer than that takes.
    (MAX_PRODUCERS..2 * MAX_PRODUCERS).for_each(|number| assert_eq!(turn(&transactions, &of(number)), []));
    assert_eq!(turn(&transactions, &of(0)), [held(0, 1)]);
    assert_eq!((turn(&transactions, &of(5)), hold(&transactions, &of(5), [held(0, 1)])), (vec![], vec![]));
    assert_eq!(known(&transactions).0, MAX_PRODUCERS);
    // Nobody makes room who holds anything.
    for number in 0..2 * MAX_PRODUCERS {
        turn(&transactions, &of(number));
        hold(&transactions, &of(number), [held(0, 2)]);
    }
    assert_eq!(known(&transactions), (MAX_PRODUCERS, MAX_PRODUCERS));
}

#[test]
fn a_producer_that_was_idle_for_long_holds_what_it_commits() {
    let transactions = Transactions::default();
    let namespace = "kafka".into();
    let named = named_as(&namespace, "app", (7, 0));
    let start = Instant::now();
    let minutes = |minutes| start + Duration::from_mins(minutes);
    turn(&transactions, &named);
    transactions.expire(minutes(0));
    transactions.expire(minutes(14));
    assert_eq!(hold(&transactions, &named, [held(0, 1)]), []);
    transactions.expire(minutes(15));
    transactions.expire(minutes(29));
    assert_eq!(turn(&transactions, &named), [held(0, 1)]);
    assert_eq!(hold(&transactions, &named, [held(0, 2)]), []);
    transactions.expire(minutes(30));
    transactions.expire(minutes(45));
    assert_eq!(turn(&transactions, &named), [], "the broker has ended that");
}

#[test]
fn offsets_are_held_for_as_long_as_a_producer_says_that_its_transactions_may_be_open() {
    let start = Instant::now();
    let minutes = |minutes| start + Duration::from_mins(minutes);
    let before = |minutes| start + Duration::from_secs(60 * minutes - 1);
    // What it says, after how many minutes what it commits seems to be of another transaction, and when all is forgotten.
    for (timeout, late, forgotten) in [
        (None, 1, 15),
        (Some(Duration::ZERO), 1, 15),
        (Some(Duration::from_secs(10)), 1, 15),
        (Some(Duration::from_mins(5)), 5, 15),
        (Some(Duration::from_mins(40)), 40, 40),
        (Some(Duration::MAX), 24 * 60, 24 * 60),
    ] {
        let transactions = Transactions::default();
        let namespace = "kafka".into();
        let named = named_as(&namespace, "app", (7, 0));
        begin(&transactions, &named, timeout);
        // The end of a transaction says nothing of it.
        turn(&transactions, &named);
        assert_eq!(hold(&transactions, &named, [held(0, 1)]), [], "{timeout:?}");
        transactions.expire(minutes(0));
        transactions.expire(before(late));
        assert_eq!(hold(&transactions, &named, [held(0, 2)]), [], "{timeout:?}");
        transactions.expire(before(forgotten));
        assert_eq!(turn(&transactions, &named), [held(0, 2)], "{timeout:?}");
        assert_eq!(hold(&transactions, &named, [held(0, 3)]), [], "{timeout:?}");
        transactions.expire(minutes(forgotten));
        if late < forgotten {
            transactions.expire(minutes(forgotten + late));
            assert_eq!(hold(&transactions, &named, [held(1, 4)]), [held(0, 3), held(1, 4)], "{timeout:?}");
        } else {
            transactions.expire(minutes(2 * forgotten));
            assert_eq!((turn(&transactions, &named), known(&transactions)), (vec![], (1, 0)), "{timeout:?}");
        }
    }
}

#[test]
fn producers_of_different_parts_do_not_wait_for_each_other() {
    let transactions = Transactions::default();
    let namespace = "kafka".into();
    let ids: Vec<_> = (0..200).map(|number| format!("app-{number}")).collect();
    let of = |number: usize| named_as(&namespace, &ids[number], (1, 0));
    let part = |number: usize| transactions.part(transactions.hash(&of(number)));
    let others: Vec<_> = (1..200).filter(|number| !ptr::eq(part(*number), part(0))).collect();
    // All but about one of sixteen.
    assert!(others.len() > 150, "{}", others.len());
    let _taken = part(0).lock().unwrap();
    for number in others {
        turn(&transactions, &of(number));
        assert_eq!(hold(&transactions, &of(number), [held(0, 1)]), []);
        assert_eq!(turn(&transactions, &of(number)), [held(0, 1)]);
    }
}
