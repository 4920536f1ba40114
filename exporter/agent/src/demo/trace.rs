//! Which requests carry a trace context (W3C Trace Context), so that the demo's numbers lead to traces.

use hyper::header::{HeaderMap, HeaderValue};

/// The field that carries it.
const TRACEPARENT: &str = "traceparent";

/// So many requests carry one trace. It has no divisor in common with the numbers of the requests that are slow or fail: each
/// kind of them is traced now and then.
const ONE_IN: u64 = 7;

/// A trace on its way from caller to called, if there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace(Option<HeaderValue>);

impl Trace {
    /// A new one for some of the load's requests, as who visits a shop would begin it.
    pub(super) fn begin(number: u64) -> Self {
        let is_traced = number.is_multiple_of(ONE_IN);
        // Identifiers that are all zeros are none (section 3.2.2). The flag: it is recorded.
        let context = || format!("00-{:032x}-{:016x}-01", fastrand::u128(1..), fastrand::u64(1..));
        Self(is_traced.then(context).and_then(|context| HeaderValue::from_maybe_shared(context).ok()))
    }

    /// The one that a request carries.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self(headers.get(TRACEPARENT).cloned())
    }

    /// Lets a request carry it on. Services that tell no spans of their own pass it on as it is.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        if let Some(context) = &self.0 {
            headers.insert(TRACEPARENT, context.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn some_requests_begin_a_trace_of_their_own() {
        let begun: Vec<_> = (0..700).filter_map(|number| Trace::begin(number).0).collect();
        assert_eq!((begun.len(), begun.iter().collect::<HashSet<_>>().len()), (100, 100));
        let mut headers = HeaderMap::new();
        Trace(Some(begun[0].clone())).add_to(&mut headers);
        let parts: Vec<_> = headers[TRACEPARENT].to_str().unwrap().split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2]);
        assert_eq!((parts[0], parts[3]), ("00", "01"));
        assert_eq!(Trace::of(&headers).0.as_ref(), Some(&begun[0]));
        assert!(Trace::of(&HeaderMap::new()).0.is_none());
    }
}
