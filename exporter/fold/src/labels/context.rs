//! What Hubble's context labels say of a workload.

use std::net::IpAddr;

use flowfold_flow::Workload;

use crate::destination_names::OTHER_NAME;

/// One word for a side of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    Namespace,
    /// The name by which the client knows the server.
    Dns,
    /// The address, of a peer of which nothing else is known.
    Ip,
    /// `namespace/workload`, or the workload alone where it has no namespace.
    NamespaceAndWorkload,
    Workload,
}

/// How many there are.
const CONTEXTS: usize = 5;

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

    /// Whether this is one of them.
    pub(crate) fn contains(self, context: Context) -> bool {
        self.0.contains(&Some(context))
    }

    /// Calls `take` with what is known of a workload, and of a server by its name.
    pub(crate) fn value<T>(self, workload: Option<&Workload>, name: Option<&str>, take: impl FnOnce(&str) -> T) -> T {
        let name = name.filter(|name| *name != OTHER_NAME);
        let Some(workload) = workload else { return take("") };
        for context in self.0.into_iter().flatten() {
            match context {
                Context::Namespace if !workload.namespace.is_empty() => return take(&workload.namespace),
                Context::Dns if let Some(name) = name => return take(name),
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
pub(crate) fn is_named(workload: &Workload) -> bool {
    *workload.name != *"unknown" && !is_address(workload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(contexts: &[Context], name: &str, namespace: &str) -> String {
        let workload = Workload { namespace: namespace.into(), ..Workload::named(name) };
        contexts.iter().copied().collect::<Contexts>().value(Some(&workload), None, str::to_owned)
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
        let of_server = |name| {
            let contexts: Contexts = [Context::Dns, Context::Ip].into_iter().collect();
            contexts.value(Some(&Workload::named("192.0.2.1")), name, str::to_owned)
        };
        assert_eq!(of_server(Some("api.example")), "api.example");
        assert_eq!([of_server(None), of_server(Some(OTHER_NAME))], ["192.0.2.1"; 2]);
        assert!(Contexts::from(Context::Dns).contains(Context::Dns) && !all[0..3].contains(&Context::Dns));
        assert!(Contexts::default().is_empty() && !Contexts::from(Context::Ip).is_empty());
    }
}
