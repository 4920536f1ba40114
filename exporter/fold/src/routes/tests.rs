use super::*;

fn table(templates: &[&str]) -> RouteTable {
    RouteTable::parse(templates).unwrap()
}

#[track_caller]
fn route(table: &RouteTable, path: &str) -> Option<String> {
    table.matching(b"GET", path.as_bytes()).map(str::to_owned)
}

#[test]
fn a_name_stands_for_one_segment() {
    let table = table(&["/users/{id}", "/users/{id}/orders/{order}", "/"]);
    assert_eq!(route(&table, "/users/7").as_deref(), Some("/users/{id}"));
    assert_eq!(route(&table, "/users/%2F..").as_deref(), Some("/users/{id}"));
    assert_eq!(route(&table, "/users/7/orders/9").as_deref(), Some("/users/{id}/orders/{order}"));
    assert_eq!(route(&table, "/").as_deref(), Some("/"));
    for other in
        ["/users", "/users/", "/users/7/", "/users/7/orders", "/users/7/orders/", "/Users/7", "", "users/7", "//"]
    {
        assert_eq!(route(&table, other), None, "{other}");
    }
}

#[test]
fn a_name_with_dots_stands_for_the_rest() {
    let table = table(&["/files/{path...}"]);
    for path in ["/files/", "/files/a", "/files/a/b/c", "/files//"] {
        assert_eq!(route(&table, path).as_deref(), Some("/files/{path...}"), "{path}");
    }
    assert_eq!(route(&table, "/files"), None);
    assert_eq!(route(&table, "/filesystem"), None);
}

#[test]
fn the_first_match_wins_even_where_a_later_one_is_more_exact() {
    let first = table(&["/{page}", "/health"]);
    assert_eq!(route(&first, "/health").as_deref(), Some("/{page}"));
    let second = table(&["/health", "/{page}", "/{all...}"]);
    assert_eq!(route(&second, "/health").as_deref(), Some("/health"));
    assert_eq!(route(&second, "/other").as_deref(), Some("/{page}"));
    assert_eq!(route(&second, "/other/one").as_deref(), Some("/{all...}"));
    let crossed = table(&["/{a}/end", "/start/{b...}"]);
    assert_eq!(route(&crossed, "/start/end").as_deref(), Some("/{a}/end"));
    assert_eq!(route(&crossed, "/start/more").as_deref(), Some("/start/{b...}"));
}

#[test]
fn a_template_can_be_for_one_method() {
    let table = table(&["POST /items", "PURGE /items/{id}", "/items/{id}"]);
    assert_eq!(table.matching(b"POST", b"/items"), Some("/items"));
    assert_eq!(table.matching(b"GET", b"/items"), None);
    assert_eq!(table.matching(b"GET", b"/items/4"), Some("/items/{id}"));
    // Both templates say the same of an exchange, so they share a place: else a label set would be kept twice.
    assert_eq!(table.place(b"PURGE", b"/items/4"), table.place(b"GET", b"/items/4"));
}

#[test]
fn a_table_without_templates_matches_nothing() {
    assert_eq!(RouteTable::default().matching(b"GET", b"/"), None);
    assert_eq!(RouteTable::parse([""; 0]).unwrap().matching(b"GET", b"/"), None);
    assert!(RouteTable::default().is_empty());
}

#[test]
fn as_many_templates_as_allowed_are_told_apart() {
    let templates: Vec<String> = (0..MAX_ROUTES).map(|number| format!("/r{number}/{{id}}")).collect();
    let table = RouteTable::parse(&templates).unwrap();
    assert_eq!(table.len(), MAX_ROUTES);
    for (number, template) in templates.iter().enumerate() {
        assert_eq!(route(&table, &format!("/r{number}/x")).as_ref(), Some(template));
    }
}

#[test]
fn a_template_that_cannot_be_is_refused_by_name() {
    let cases = [
        ("users", "must begin with '/'"),
        ("GET users", "must begin with '/'"),
        ("G(T /users", "\"G(T\" cannot be an HTTP method"),
        (" /users", "cannot be an HTTP method"),
        ("/users?id={id}", "a path has no '?'"),
        ("/a b", "cannot be an HTTP method"),
        ("GET /a b", "a path has no ' '"),
        ("/users/{id", "segment \"{id\" must be plain text, {name} or {name...}"),
        ("/users/{}", "segment \"{}\" must be"),
        ("/users/{a}{b}", "must be plain text"),
        ("/users/x{id}", "must be plain text"),
        ("/{rest...}/more", "\"{rest...}\" takes all the rest"),
        ("/{...}", "must be plain text"),
    ];
    for (template, reason) in cases {
        let error = RouteTable::parse(["/fine", template]).unwrap_err().to_string();
        assert!(error.contains(&format!("{template:?}")) && error.contains(reason), "{error}");
    }
    assert!(matches!(RouteTable::parse(["/a", "/a"]), Err(RouteError::Twice { template }) if template == "/a"));
    let deep = "/x".repeat(template::MAX_SEGMENTS + 1);
    assert!(matches!(RouteTable::parse([&deep]), Err(RouteError::TooDeep { .. })));
    let many: Vec<String> = (0..=MAX_ROUTES).map(|number| format!("/{number}")).collect();
    assert_eq!(RouteTable::parse(many).unwrap_err(), RouteError::TooMany { given: MAX_ROUTES + 1 });
}
