use std::time::Instant;

use flowfold_wire::kafka::RequestHead;

use super::super::asked::{AskedPool, Held};
use super::*;

fn waiting(ids: impl IntoIterator<Item = i32>) -> InFlight {
    let (pool, held) = (AskedPool::default(), Held::default());
    let mut waiting = InFlight::default();
    for correlation_id in ids {
        let mut asked = pool.take(0, &held).expect("not that many are open");
        let heartbeat = RequestHead { api_key: 12, api_version: 0, correlation_id, wire_bytes: 30 };
        asked.begin(&heartbeat, Instant::now(), 12);
        waiting.push(asked);
    }
    waiting
}

/// Answers a request, and says which one it was.
fn answer(waiting: &mut InFlight, id: i32) -> Option<i32> {
    let at = waiting.find(id)?;
    waiting.take(at).map(|asked| asked.correlation_id)
}

#[test]
fn each_is_found_whatever_the_order_of_the_answers() {
    let ids = [i32::MAX - 1, i32::MAX, i32::MIN, i32::MIN + 1, i32::MIN + 2];
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 3, 1]] {
        let mut waiting = waiting(ids);
        for at in order {
            assert_eq!(answer(&mut waiting, ids[at]), Some(ids[at]));
            assert_eq!(waiting.find(ids[at]), None);
        }
        assert!(waiting.is_empty());
    }
}

#[test]
fn ids_may_be_left_out_or_go_down_or_be_the_same() {
    // What asked for no response has left the queue.
    let mut odd = waiting((0..10_000).map(|number| 2 * number));
    for id in [19_998, 0, 7_000, 2] {
        assert_eq!((answer(&mut odd, id), odd.find(id + 1)), (Some(id), None));
    }
    let mut down = waiting((0..50).rev());
    assert_eq!([49, 0, 30].map(|id| answer(&mut down, id)), [Some(49), Some(0), Some(30)]);
    let mut same = waiting([5; 3]);
    assert_eq!([5, 5, 5, 5].map(|id| answer(&mut same, id)), [Some(5), Some(5), Some(5), None]);
}

#[test]
fn one_whose_response_came_waits_no_more() {
    let mut waiting = waiting([1, 2]);
    waiting.get_mut(1).expect("two").answered_at = Some(Instant::now());
    assert_eq!((waiting.find(1), waiting.find(2)), (Some(0), None));
}

#[test]
fn a_burst_leaves_little_behind() {
    let mut waiting = waiting(0..10_000);
    // From the middle outwards: the places stay until the first and the last are gone.
    let order: Vec<i32> = (0..5_000).flat_map(|number| [5_000 + number, 4_999 - number]).collect();
    for id in &order[..order.len() - 2] {
        assert_eq!(answer(&mut waiting, *id), Some(*id));
    }
    assert_eq!(waiting.len(), 10_000);
    assert_eq!([9_999, 0].map(|id| answer(&mut waiting, id)), [Some(9_999), Some(0)]);
    assert!(waiting.is_empty() && waiting.0.capacity() <= 4 * KEPT);
}
