use std::time::Instant;

use super::*;
use crate::pending::PendingPool;

fn pending(pool: &PendingPool) -> Box<Pending> {
    let mut pending = pool.take(0).expect("few are open");
    pending.started = Instant::now();
    pending
}

fn is_open(streams: &mut Streams, stream: u32) -> bool {
    matches!(streams.find(stream), Place::Open(_))
}

#[test]
fn streams_are_found_while_they_live_and_known_as_gone_afterwards() {
    let pool = PendingPool::default();
    let mut streams = Streams::default();
    assert!(matches!(streams.find(1), Place::Never));
    for stream in (1..200).step_by(2) {
        streams.open(stream, pending(&pool));
        streams.open(stream + 1, pending(&pool));
    }
    // Every third closes, from the back, so that gaps stay for a while.
    for stream in (1..200).rev().filter(|stream| stream % 3 == 0) {
        assert!(streams.close(stream).is_some());
        assert!(streams.close(stream).is_none());
    }
    for stream in 1..=200 {
        assert_eq!(is_open(&mut streams, stream), stream % 3 != 0, "{stream}");
    }
    assert!(matches!(streams.find(3), Place::Gone));
    assert!(matches!(streams.find(201), Place::Never));
    let mut drained = 0;
    streams.drain(|_| drained += 1);
    assert_eq!(drained, (1..=200).filter(|stream| stream % 3 != 0).count());
    assert!(streams.is_empty());
    assert!(matches!(streams.find(1), Place::Gone));
}

#[test]
fn what_has_gone_is_forgotten() {
    let pool = PendingPool::default();
    let mut streams = Streams::default();
    // The first stream stays, so nothing leaves at the front.
    streams.open(1, pending(&pool));
    for number in 1..100_000 {
        streams.open(2 * number + 1, pending(&pool));
        assert!(streams.close(2 * number + 1).is_some());
    }
    assert!(streams.of_client.entries.len() <= 2 + KEPT_PLACES);
    assert!(streams.close(1).is_some());
    assert!(streams.is_empty());
}

#[test]
fn an_idle_connection_keeps_no_places_of_a_burst() {
    let pool = PendingPool::default();
    let mut streams = Streams::default();
    for number in 0..1_000 {
        streams.open(2 * number + 1, pending(&pool));
    }
    for number in 0..1_000 {
        assert!(streams.close(2 * number + 1).is_some());
    }
    assert!(streams.of_client.entries.capacity() <= KEPT_PLACES);
}

#[test]
fn a_tunnel_lives_until_both_sides_have_ended() {
    let pool = PendingPool::default();
    let mut streams = Streams::default();
    streams.open(1, pending(&pool));
    assert!(streams.make_tunnel(1).is_some());
    assert!(streams.make_tunnel(1).is_none());
    assert!(matches!(streams.find(1), Place::Tunnel));
    for side in [Side::ServerToClient, Side::ServerToClient] {
        streams.end_tunnel_side(1, side);
        assert!(matches!(streams.find(1), Place::Tunnel) && !streams.is_empty());
    }
    streams.end_tunnel_side(1, Side::ClientToServer);
    assert!(matches!(streams.find(1), Place::Gone) && streams.is_empty());
}

#[test]
fn the_streams_behind_the_last_one_served_are_taken_out() {
    let pool = PendingPool::default();
    let mut streams = Streams::default();
    for stream in [1, 2, 3, 5, 7] {
        streams.open(stream, pending(&pool));
    }
    assert!(streams.close(7).is_some());
    let mut refused = 0;
    streams.refuse_after(1, |_| refused += 1);
    assert_eq!(refused, 2);
    assert!(is_open(&mut streams, 1) && is_open(&mut streams, 2));
    assert!(matches!(streams.find(5), Place::Gone));
    assert!(matches!(streams.find(9), Place::Never));
}

#[test]
fn a_connection_can_be_full() {
    let pool = PendingPool::default();
    let mut streams = Streams::default();
    for number in 0..u32::try_from(MAX_STREAMS).expect("it is small") {
        assert!(!streams.is_full());
        streams.open(2 * number + 1, pending(&pool));
    }
    assert!(streams.is_full());
    assert!(streams.close(1).is_some());
    assert!(!streams.is_full());
}
