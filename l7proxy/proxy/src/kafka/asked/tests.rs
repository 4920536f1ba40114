use super::*;

fn told(asked: &mut Asked, partitions: i32) {
    asked.topic("orders");
    for index in 0..partitions {
        asked.partition_asked(Partition { index, records: 1, ..Partition::default() });
    }
}

fn request(correlation_id: i32) -> RequestHead {
    RequestHead { api_key: 0, api_version: 9, correlation_id, wire_bytes: 100 }
}

#[test]
fn as_many_are_lent_as_may_be_open() {
    let pool = AskedPool::default();
    let mut lent: Vec<_> = std::iter::from_fn(|| pool.take(0, &Held::default())).collect();
    assert_eq!(lent.len(), MAX_OPEN);
    // One is given back, and one is lost.
    pool.give_back(lent.pop().expect("many were lent"));
    drop(lent.pop());
    assert_eq!(pool.open.get(), MAX_OPEN - 2);
    drop(lent);
    assert_eq!(pool.open.get(), 0);
}

#[test]
fn what_all_hold_together_is_bounded_and_the_rest_is_summed_up() {
    let pool = AskedPool::default();
    let mut lent = Vec::new();
    let mut ask = |held: &Held, times: i32| {
        for number in 0..times {
            let mut asked = pool.take(0, held).expect("not that many are open");
            asked.begin(&request(number), Instant::now(), 12);
            told(&mut asked, 300);
            lent.push(asked);
        }
        let last = lent.last().expect("many");
        (last.partitions.told_each(KafkaApi::FETCH).count(), last.partitions.more().count)
    };
    let (greedy, other) = (Held::default(), Held::default());
    assert_eq!(ask(&greedy, 2_000), (0, 300));
    // A connection that holds all that it may leaves as much to the others.
    assert_eq!((greedy.0.get(), pool.held.0.get()), (MAX_HELD / 2, MAX_HELD / 2));
    assert_eq!(ask(&other, 100), (256, 44));
    for _ in 0..20 {
        ask(&Held::default(), 2_000);
    }
    assert!(pool.held.0.get() <= MAX_HELD);
    for asked in lent {
        pool.give_back(asked);
    }
    assert_eq!([pool.held.0.get(), greedy.0.get(), other.0.get()], [0; 3]);
    assert!(pool.free.borrow().len() <= POOLED);
}

#[test]
fn a_list_is_emptied_into_its_own_memory() {
    let list: Vec<KafkaPartition<'_>> = Vec::with_capacity(100);
    let place = list.as_ptr().cast::<u8>();
    let again = emptied(list);
    assert_eq!((again.as_ptr().cast(), again.capacity()), (place, 100));
}
