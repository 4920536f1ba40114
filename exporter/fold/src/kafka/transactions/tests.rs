use super::*;

fn held(number: usize, offset: i64) -> Held {
    Held { group: 3, topic: 3, partition: i32::try_from(number).unwrap(), offset }
}

/// Holds these for a producer. Returns what counts at once.
fn hold(transactions: &Transactions, named: &Named<'_>, told: impl IntoIterator<Item = Held>) -> Vec<Held> {
    let mut counted = Vec::new();
    transactions.hold(named, told.into_iter(), |held| counted.push(held));
    counted
}

fn turn(transactions: &Transactions, named: &Named<'_>) -> Vec<Held> {
    let mut offsets = vec![held(99, 99)];
    transactions.turn(named, &mut offsets);
    offsets
}

#[test]
fn what_is_held_is_bounded_and_the_rest_counts_at_once() {
    let transactions = Transactions::default();
    let cluster = "kafka".into();
    let named = |transactional_id| Named { cluster: &cluster, transactional_id, producer: (1, 0) };
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
    let known = transactions.known();
    assert_eq!((known.producers.len(), known.held), (0, 0));
    drop(known);
    let long = "a".repeat(MAX_ID_BYTES + 1);
    assert_eq!(turn(&transactions, &named(&long)), []);
    assert_eq!(transactions.known().producers.len(), 0);
}

#[test]
fn the_memory_of_what_was_held_is_bounded() {
    let transactions = Transactions::default();
    let cluster = "kafka".into();
    // As a worker has it.
    let mut offsets = Vec::new();
    for number in 0..20 {
        let named = Named { cluster: &cluster, transactional_id: &format!("app-{number}"), producer: (1, 0) };
        for _ in 0..2 {
            transactions.turn(&named, &mut offsets);
            hold(&transactions, &named, (0..500).map(|number| held(number, 1)));
        }
        transactions.turn(&named, &mut offsets);
        assert_eq!(offsets.len(), 500);
    }
    let known = transactions.known();
    assert_eq!((known.producers.len(), known.held), (20, 0));
    let kept: usize = known.producers.iter().map(|producer| producer.offsets.capacity()).sum();
    assert!(kept <= 20 * KEPT_OFFSETS, "{kept}");
}

#[test]
fn a_producer_that_begins_anew_has_aborted_what_was_open() {
    let transactions = Transactions::default();
    let (cluster, elsewhere) = ("kafka".into(), "staging".into());
    let named = |epoch| Named { cluster: &cluster, transactional_id: "app", producer: (7, epoch) };
    turn(&transactions, &named(0));
    assert_eq!(hold(&transactions, &named(0), [held(0, 1), held(1, 1)]), []);
    assert_eq!(turn(&transactions, &named(-1)), []);
    assert_eq!(hold(&transactions, &named(1), [held(1, 2), held(1, 3)]), []);
    assert_eq!(turn(&transactions, &Named { cluster: &elsewhere, ..named(1) }), []);
    assert_eq!(turn(&transactions, &named(1)), [held(1, 3)]);
    assert_eq!(turn(&transactions, &named(1)), []);
    assert_eq!(hold(&transactions, &named(1), [held(1, 4)]), []);
    assert_eq!(turn(&transactions, &named(2)), [], "the older one ended some other way");
    assert_eq!(transactions.known().held, 0);
}

#[test]
fn a_producer_whose_ends_are_not_seen_any_more_is_forgotten() {
    let transactions = Transactions::default();
    let cluster = "kafka".into();
    let named = |epoch| Named { cluster: &cluster, transactional_id: "app", producer: (7, epoch) };
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
    assert_eq!(hold(&transactions, &named(0), [held(0, 5)]), [held(0, 4), held(1, 4), held(0, 5)]);
    assert_eq!(hold(&transactions, &named(0), [held(0, 6)]), [held(0, 6)]);
    assert_eq!((turn(&transactions, &named(0)), transactions.known().held), (vec![], 0));
    // Each end gives it another epoch, if nobody sees them.
    assert_eq!(hold(&transactions, &named(1), [held(0, 7)]), []);
    assert_eq!(turn(&transactions, &named(1)), [held(0, 7)]);
    assert_eq!(hold(&transactions, &named(2), [held(0, 8), held(1, 8)]), []);
    assert_eq!(hold(&transactions, &named(3), [held(0, 9)]), [held(0, 9)]);
    assert_eq!(hold(&transactions, &named(3), [held(0, 10)]), [held(0, 10)]);
    let known = transactions.known();
    assert_eq!((known.producers.len(), known.held), (0, 0));
}

#[test]
fn a_producer_that_holds_nothing_makes_room() {
    let transactions = Transactions::default();
    let cluster = "kafka".into();
    let ids: Vec<_> = (0..2 * MAX_PRODUCERS).map(|number| format!("app-{number}")).collect();
    let of = |number: usize| Named { cluster: &cluster, transactional_id: &ids[number], producer: (1, 0) };
    let is_known = |number: usize| {
        hold(&transactions, &of(number), []).is_empty() && {
            transactions.known().producers.iter().any(|producer| producer.is(&of(number)))
        }
    };
    (0..MAX_PRODUCERS).for_each(|number| assert_eq!(turn(&transactions, &of(number)), []));
    assert_eq!(hold(&transactions, &of(0), [held(0, 1)]), []);
    turn(&transactions, &of(1));
    // The first one that stands still, but for those.
    turn(&transactions, &of(MAX_PRODUCERS));
    assert_eq!([0, 1, 2, 3, MAX_PRODUCERS].map(is_known), [true, true, false, true, true]);
    // Whoever makes up as many as there may be is in nobody's way for longer than that takes.
    (MAX_PRODUCERS..2 * MAX_PRODUCERS).for_each(|number| assert_eq!(turn(&transactions, &of(number)), []));
    assert_eq!(turn(&transactions, &of(0)), [held(0, 1)]);
    assert_eq!((turn(&transactions, &of(5)), hold(&transactions, &of(5), [held(0, 1)])), (vec![], vec![]));
    assert_eq!(transactions.known().producers.len(), MAX_PRODUCERS);
    // Nobody makes room who holds anything.
    for number in 0..2 * MAX_PRODUCERS {
        turn(&transactions, &of(number));
        hold(&transactions, &of(number), [held(0, 2)]);
    }
    let known = transactions.known();
    assert_eq!((known.producers.len(), known.held), (MAX_PRODUCERS, MAX_PRODUCERS));
}
