//! Which route templates hold for which server.

use flowfold_flow::Workload;
use hashbrown::HashMap;

use crate::RouteTable;

/// The most different templates of all tables together: their places are twelve bits of a key.
pub const MAX_ALL_ROUTES: usize = (1 << 12) - 1;

/// Route templates that hold for the servers of one workload, before those that hold for all.
#[derive(Clone, Debug)]
pub struct WorkloadRoutes {
    /// The namespace of the workload; empty for none.
    pub namespace: String,
    /// The workload.
    pub workload: String,
    /// Its templates.
    pub routes: RouteTable,
}

/// All route templates.
#[derive(Debug)]
pub(crate) struct Router {
    /// The templates' paths, each once.
    labels: Vec<Box<str>>,
    /// The first is for all servers.
    tables: Vec<Table>,
    /// The tables of workloads by their name, each with the namespace.
    by_name: HashMap<Box<str>, Vec<(Box<str>, u16)>>,
}

#[derive(Debug)]
struct Table {
    routes: RouteTable,
    /// For each path of the table, its position among all, plus one.
    places: Vec<u16>,
}

impl Router {
    pub(crate) fn new(for_all: RouteTable, of_workloads: Vec<WorkloadRoutes>) -> Self {
        let mut router = Self { labels: Vec::new(), tables: Vec::new(), by_name: HashMap::new() };
        router.add(for_all);
        for WorkloadRoutes { namespace, workload, routes } in of_workloads {
            if let Ok(table) = u16::try_from(router.add(routes)) {
                router.by_name.entry(workload.into()).or_default().push((namespace.into(), table));
            }
        }
        router
    }

    /// Adds a table. Returns its position.
    fn add(&mut self, routes: RouteTable) -> usize {
        let labels = &mut self.labels;
        let place = |path: &str| {
            let known = labels.iter().position(|label| **label == *path).unwrap_or_else(|| {
                labels.push(path.into());
                labels.len() - 1
            });
            u16::try_from(known + 1).ok().filter(|place| usize::from(*place) <= MAX_ALL_ROUTES).unwrap_or(0)
        };
        let places = routes.paths().map(place).collect();
        self.tables.push(Table { routes, places });
        self.tables.len() - 1
    }

    /// The table of a server.
    pub(crate) fn table_of(&self, server: &Workload) -> u16 {
        if self.by_name.is_empty() {
            return 0;
        }
        let of_name = self.by_name.get(&*server.name).map_or(&[][..], Vec::as_slice);
        of_name.iter().find(|(namespace, _)| **namespace == *server.namespace).map_or(0, |(_, table)| *table)
    }

    /// The small integer that stands for the template that a path matches; 0 where none does.
    #[inline]
    pub(crate) fn place(&self, table: u16, method: &[u8], path: &[u8]) -> u16 {
        match self.place_in(usize::from(table), method, path) {
            0 if table > 0 => self.place_in(0, method, path),
            place => place,
        }
    }

    #[inline]
    fn place_in(&self, table: usize, method: &[u8], path: &[u8]) -> u16 {
        let Some(table) = self.tables.get(table) else { return 0 };
        let own = usize::from(table.routes.place(method, path));
        own.checked_sub(1).and_then(|own| table.places.get(own)).copied().unwrap_or(0)
    }

    /// The label value of a [`place`](Self::place).
    pub(crate) fn label(&self, place: u16) -> Option<&str> {
        let position = usize::from(place).checked_sub(1)?;
        self.labels.get(position).map(|label| &**label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workloads_own_templates_come_first() {
        let table = |templates: &[&str]| RouteTable::parse(templates).unwrap();
        let of = |namespace: &str, workload: &str, templates: &[&str]| WorkloadRoutes {
            namespace: namespace.to_owned(),
            workload: workload.to_owned(),
            routes: table(templates),
        };
        let router = Router::new(
            table(&["/health", "/{all...}"]),
            vec![of("shop", "cart", &["/carts/{id}", "/health"]), of("", "cart", &["/c/{id}"])],
        );
        let route = |namespace: &str, name: &str, path: &str| {
            let server = Workload { namespace: namespace.into(), ..Workload::named(name) };
            let place = router.place(router.table_of(&server), b"GET", path.as_bytes());
            router.label(place).unwrap_or_default().to_owned()
        };
        assert_eq!(route("shop", "cart", "/carts/7"), "/carts/{id}");
        assert_eq!(route("shop", "cart", "/health"), "/health");
        assert_eq!(route("shop", "cart", "/other"), "/{all...}");
        assert_eq!(route("", "cart", "/carts/7"), "/{all...}");
        assert_eq!(route("", "cart", "/c/7"), "/c/{id}");
        assert_eq!(route("shop", "web", "/c/7"), "/{all...}");
    }

    #[test]
    fn without_templates_nothing_matches() {
        let router = Router::new(RouteTable::default(), Vec::new());
        assert_eq!(router.place(router.table_of(&Workload::named("cart")), b"GET", b"/"), 0);
    }
}
