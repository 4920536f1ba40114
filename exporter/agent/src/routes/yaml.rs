//! Writes templates as the configuration has them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io::{self, Write};

use flowfold_expose::{LearnedRoute, LearnedRoutes};
use flowfold_fold::MAX_ROUTES;

use crate::config::defaults;

const HEAD: &str = "\
# What this agent learned of paths, as route templates: look at them before you paste them into its configuration.
# The first that matches counts. Where `workloads` is there already, put the entries below at the end of its list;
# where a workload has `routes` already, add the templates to those.
workloads:
";

const NOTHING: &str = "\
# This agent has learned no patterns of paths: no request that no route template matches was answered well so far.
";

/// One service, by what names it.
type Service<'a> = (&'a str, &'a str);

/// Writes an entry of `workloads` for each service. What is more than a configuration takes stands there as comments.
pub(super) fn write(learned: &LearnedRoutes, out: &mut impl Write) -> io::Result<()> {
    let mut services: BTreeMap<Service<'_>, Vec<&LearnedRoute>> = BTreeMap::new();
    for route in &learned.routes {
        services.entry((&route.namespace, &route.workload)).or_default().push(route);
    }
    if services.is_empty() {
        return out.write_all(NOTHING.as_bytes());
    }
    out.write_all(HEAD.as_bytes())?;
    let mut room = defaults::MAX_WORKLOAD_ROUTES;
    for ((namespace, workload), mut routes) in services {
        routes.sort_by(|one, other| order(&one.template, &other.template));
        let list = |addresses: BTreeSet<String>| Vec::from_iter(addresses).join(", ");
        let ips = list(routes.iter().map(|route| quoted(route.server.ip())).collect());
        let ports = list(routes.iter().map(|route| route.server.port().to_string()).collect());
        writeln!(out, "  - name: {}", quoted(workload))?;
        if !namespace.is_empty() {
            writeln!(out, "    namespace: {}", quoted(namespace))?;
        }
        writeln!(out, "    match: {{ip: [{ips}], port: [{ports}]}}")?;
        writeln!(out, "    routes:")?;
        let fits = routes.len().min(MAX_ROUTES).min(room);
        room -= fits;
        for (position, route) in routes.into_iter().enumerate() {
            if position == fits {
                writeln!(out, "      # more than a configuration takes:")?;
            }
            let comment = if position < fits { "" } else { "#" };
            writeln!(out, "      {comment}- {}", scalar(&route.template))?;
        }
    }
    Ok(())
}

/// Plain segments before those that stand for any: of two templates that match the same path, the more exact comes first.
fn order(one: &str, other: &str) -> Ordering {
    let key = |text: &str| text.split('/').map(|part| (part.starts_with('{'), part.to_owned())).collect::<Vec<_>>();
    key(one).cmp(&key(other))
}

/// A template, in quotes where YAML would not read it as it is.
fn scalar(template: &str) -> String {
    let is_plain = template.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-~{}".contains(&byte));
    if is_plain { template.to_owned() } else { quoted(template) }
}

/// In double quotes, where YAML knows the escapes of JSON.
fn quoted(text: impl Display) -> String {
    serde_json::Value::from(text.to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::config::{Config, Overrides};

    fn route(namespace: &str, workload: &str, server: &str, template: &str) -> LearnedRoute {
        LearnedRoute {
            namespace: namespace.to_owned(),
            workload: workload.to_owned(),
            server: server.parse::<SocketAddr>().unwrap(),
            template: template.to_owned(),
        }
    }

    fn written(routes: Vec<LearnedRoute>) -> String {
        let mut out = Vec::new();
        write(&LearnedRoutes { max_url_templates: 500, routes }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn read(yaml: &str) -> Config {
        let text = format!("visibility: [<Ingress/80/TCP/HTTP>]\n{yaml}");
        Config::from_text("flowfold.yaml", &text, &Overrides::default()).unwrap()
    }

    #[test]
    fn services_become_entries_of_the_configuration() {
        let yaml = written(vec![
            route("", "nginx", "10.0.0.1:80", "/{id}"),
            route("", "nginx", "10.0.0.1:81", "/index.html"),
            route("", "nginx", "[::1]:80", "/{id}/~all"),
            route("shop", "cart", "10.0.0.2:8080", "/carts/{id}"),
        ]);
        let entries = "workloads:\n  \
                       - name: \"nginx\"\n    match: {ip: [\"10.0.0.1\", \"::1\"], port: [80, 81]}\n    routes:\n      \
                       - /index.html\n      - /{id}\n      - /{id}/~all\n  \
                       - name: \"cart\"\n    namespace: \"shop\"\n    match: {ip: [\"10.0.0.2\"], port: [8080]}\n    \
                       routes:\n      - /carts/{id}\n";
        assert!(yaml.ends_with(entries), "{yaml}");
        let config = read(&yaml);
        let of = |position: usize| &config.fold.workload_routes[position].routes;
        assert_eq!(of(0).matching(b"GET", b"/index.html"), Some("/index.html"));
        assert_eq!(of(0).matching(b"GET", b"/7"), Some("/{id}"));
        assert_eq!(of(1).matching(b"GET", b"/carts/7"), Some("/carts/{id}"));
    }

    #[test]
    fn odd_names_and_paths_are_read_as_they_were() {
        let names = ["no", "1e3", "a \"b\" \\ c: #d", "{x}", "\u{e9}\u{1f600}"];
        let templates = ["/a:", "/!$,;=", "/-", "//", "/a/{rest...}"];
        let routes =
            names.iter().flat_map(|name| templates.map(|template| route(name, name, "[fd77::1]:80", template)));
        let config = read(&written(routes.collect()));
        let mut found: Vec<_> = config.workloads.iter().map(|entry| &*entry.workload.name).collect();
        found.sort_unstable();
        let mut wanted = names;
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        for of in &config.fold.workload_routes {
            assert_eq!(of.namespace, of.workload);
            assert_eq!(of.routes.len(), templates.len());
            for path in &templates[..4] {
                assert_eq!(of.routes.matching(b"GET", path.as_bytes()), Some(*path));
            }
        }
    }

    #[test]
    fn what_is_too_much_is_left_to_be_chosen() {
        let mut routes = Vec::new();
        for workload in 0..50 {
            let name = format!("w{workload}");
            routes.extend((0..120).map(|number| route("", &name, "10.0.0.1:80", &format!("/p{number}"))));
        }
        let yaml = written(routes);
        let config = read(&yaml);
        let kept: usize = config.fold.workload_routes.iter().map(|of| of.routes.len()).sum();
        assert_eq!(kept, defaults::MAX_WORKLOAD_ROUTES);
        assert_eq!(yaml.matches("- /p").count(), 50 * 120);
    }

    #[test]
    fn nothing_learned_is_said() {
        assert_eq!(written(Vec::new()), NOTHING);
    }
}
