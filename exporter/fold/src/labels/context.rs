//! What Hubble's context labels say of a workload.

use std::net::IpAddr;

use flowfold_flow::Workload;

/// One word for a side of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    Namespace,
    /// The address, of a peer of which nothing else is known.
    Ip,
    /// `namespace/workload`, or the workload alone where it has no namespace.
    NamespaceAndWorkload,
    Workload,
}

/// How many there are.
const CONTEXTS: usize = 4;

/// Some of them: the first that is known is the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contexts([Option<Context>; CONTEXTS]);

impl From<Context> for Contexts {
    fn from(context: Context) -> Self {
        [context].into_iter().collect()
    }
}

impl FromIterator<Context> for Contexts {
    fn from_iter<I: IntoIterator<Item = Context>>(contexts: I) -> Self {
        let mut list = Self::default();
        let mut free = list.0.iter_mut();
        let mut seen = Vec::new();
        for context in contexts {
            // The second of two equal ones is never the first that is known.
            if !seen.contains(&context)
                && let Some(place) = free.next()
            {
                seen.push(context);
                *place = Some(context);
            }
        }
        list
    }
}

impl Contexts {
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Calls `take` with what is known of a workload.
    pub(crate) fn value<T>(self, workload: Option<&Workload>, take: impl FnOnce(&str) -> T) -> T {
        let Some(workload) = workload else { return take("") };
        for context in self.0.into_iter().flatten() {
            match context {
                Context::Namespace if !workload.namespace.is_empty() => return take(&workload.namespace),
                Context::Ip if is_address(workload) => return take(&workload.name),
                Context::Workload if is_named(workload) => return take(&workload.name),
                Context::NamespaceAndWorkload if is_named(workload) => {
                    if workload.namespace.is_empty() {
                        return take(&workload.name);
                    }
                    return take(&format!("{}/{}", workload.namespace, workload.name));
                }
                _ => {}
            }
        }
        take("")
    }
}

/// Whether a workload is only known by its address.
fn is_address(workload: &Workload) -> bool {
    workload.name.parse::<IpAddr>().is_ok()
}

/// Whether more is known of a workload than its address.
pub(super) fn is_named(workload: &Workload) -> bool {
    *workload.name != *"unknown" && !is_address(workload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(contexts: &[Context], name: &str, namespace: &str) -> String {
        let workload = Workload { namespace: namespace.into(), ..Workload::named(name) };
        contexts.iter().copied().collect::<Contexts>().value(Some(&workload), str::to_owned)
    }

    #[test]
    fn the_first_that_is_known_is_the_value() {
        let all = [Context::NamespaceAndWorkload, Context::Ip, Context::Namespace, Context::Workload];
        assert_eq!(text(&all, "cart", "shop"), "shop/cart");
        assert_eq!(text(&all, "cart", ""), "cart");
        assert_eq!(text(&all, "192.0.2.1", "shop"), "192.0.2.1");
        assert_eq!(text(&all, "unknown", "shop"), "shop");
        assert_eq!(text(&all[1..2], "cart", "shop"), "");
        assert_eq!(text(&[], "cart", "shop"), "");
        assert_eq!(text(&[Context::Ip, Context::Ip, Context::Workload], "cart", ""), "cart");
        assert!(Contexts::default().is_empty() && !Contexts::from(Context::Ip).is_empty());
    }
}
