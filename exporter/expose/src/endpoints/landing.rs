//! The page for people who open the address in a browser.

use flowfold_fold::BuildInfo;

use super::PATHS;

/// The page: which build this is, whether it is ready, and where to go.
pub(super) fn page(build: &BuildInfo, missing: &[&str]) -> String {
    let version = [&*build.version, &*build.revision].map(escape).join(" ");
    let version = version.trim_end();
    let state =
        if missing.is_empty() { "ready".to_owned() } else { format!("not ready: {}", escape(&missing.join(", "))) };
    let links = PATHS.map(|(path, what)| format!("<li><a href=\"{path}\">{path}</a> \u{2013} {what}</li>\n")).concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Flowfold</title></head>\n<body>\n\
         <h1>Flowfold</h1>\n<p>Version {version}, {state}.</p>\n<ul>\n{links}</ul>\n</body>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_it_is_and_where_to_go() {
        let build = BuildInfo { version: "1.2.3".to_owned(), revision: "<ab&cd>".to_owned() };
        let page = page(&build, &["steering"]);
        assert!(page.contains("Version 1.2.3 &lt;ab&amp;cd&gt;, not ready: steering."), "{page}");
        assert!(PATHS.iter().all(|(path, _)| page.contains(&format!("href=\"{path}\""))));
        assert!(super::page(&build, &[]).contains(", ready."));
    }
}
