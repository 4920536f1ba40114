//! Which format and encoding a scraper gets (RFC 9110 section 12).
//!
//! What cannot be read in these fields is passed over: an odd field must not cost a scrape. Where nothing acceptable is
//! left, the answer is text 0.0.4, as the exposition formats demand of every exporter.

use crate::{Escaping, Format};

/// The weight of a range without one, in thousandths.
const FULL_WEIGHT: u16 = 1000;

/// One element of a list such as `text/plain;version=0.0.4;q=0.5`.
struct Range<'a> {
    /// The value, in lower case.
    value: String,
    parameters: Vec<(String, &'a str)>,
    /// How much it is wanted, in thousandths; not at all where zero.
    weight: u16,
}

impl Range<'_> {
    /// The value of a parameter; empty where it is not given.
    fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// The format for these values of the `Accept` field, and how it is to write names.
pub(crate) fn format<'a>(accept: impl IntoIterator<Item = &'a str>) -> (Format, Escaping) {
    let ranges: Vec<Range<'_>> = accept.into_iter().flat_map(ranges).collect();
    let mut best: Option<&Candidate> = None;
    let candidates = candidates(&ranges);
    for candidate in &candidates {
        if candidate.weight > 0 && best.is_none_or(|best| candidate.rank() > best.rank()) {
            best = Some(candidate);
        }
    }
    best.map_or((Format::Text004, Escaping::default()), |best| (best.format, best.escaping))
}

/// A format that some range allows, by the range that says most about it.
struct Candidate {
    /// Which of the ranges it is.
    place: usize,
    weight: u16,
    exactness: u8,
    format: Format,
    escaping: Escaping,
}

impl Candidate {
    const fn rank(&self) -> (u16, u8) {
        (self.weight, self.exactness)
    }
}

/// The formats that some range allows. They come in the order in which they are named first, then in that of our
/// preference: the first of equals is taken.
fn candidates(ranges: &[Range<'_>]) -> Vec<Candidate> {
    let mut found = Vec::new();
    for format in Format::ALL {
        let fitting = ranges.iter().enumerate().map(|(place, range)| (exactness(range, format), place, range));
        let most_exact = fitting.clone().map(|(exactness, ..)| exactness).max().unwrap_or(0);
        if most_exact > 0 {
            let exact = fitting.filter(|(exactness, ..)| *exactness == most_exact);
            if let Some((_, place, range)) = exact.max_by_key(|(_, place, range)| (range.weight, usize::MAX - place)) {
                let escaping = Escaping::from_parameter(range.parameter("escaping"));
                found.push(Candidate { place, weight: range.weight, exactness: most_exact, format, escaping });
            }
        }
    }
    found.sort_by_key(|candidate| candidate.place);
    found
}

/// How exactly a range means a format: 3 by name, 2 by the half of it, 1 as anything, 0 not at all.
fn exactness(range: &Range<'_>, format: Format) -> u8 {
    let version = range.parameter("version");
    let (name, half, is_it) = match format {
        Format::Text004 => ("text/plain", "text/*", matches!(version, "" | "0.0.4")),
        Format::Text100 => ("text/plain", "text/*", version == "1.0.0"),
        Format::OpenMetrics100 => {
            ("application/openmetrics-text", "application/*", matches!(version, "" | "0.0.1" | "1.0.0"))
        }
        Format::Protobuf => {
            let is_delimited = range.parameter("encoding") == "delimited";
            let is_family = range.parameter("proto") == "io.prometheus.client.MetricFamily";
            ("application/vnd.google.protobuf", "application/*", is_delimited && is_family)
        }
    };
    match &*range.value {
        value if value == name && is_it => 3,
        value if value == half => 2,
        "*/*" => 1,
        _ => 0,
    }
}

/// Whether these values of the `Accept-Encoding` field allow gzip.
pub(crate) fn accepts_gzip<'a>(accept_encoding: impl IntoIterator<Item = &'a str>) -> bool {
    let ranges: Vec<Range<'_>> = accept_encoding.into_iter().flat_map(ranges).collect();
    let weight =
        |wanted: &[&str]| ranges.iter().filter(|range| wanted.contains(&&*range.value)).map(|range| range.weight).max();
    weight(&["gzip", "x-gzip"]).or_else(|| weight(&["*"])).is_some_and(|weight| weight > 0)
}

/// The elements of a list that can be read.
fn ranges(list: &str) -> impl Iterator<Item = Range<'_>> {
    split_outside_quotes(list, b',').into_iter().filter_map(|element| {
        let mut parts = split_outside_quotes(element, b';').into_iter().map(str::trim);
        let value = parts.next().filter(|value| !value.is_empty())?.to_ascii_lowercase();
        let mut range = Range { value, parameters: Vec::new(), weight: FULL_WEIGHT };
        for part in parts {
            let Some((name, value)) = part.split_once('=') else { continue };
            let name = name.trim().to_ascii_lowercase();
            let value = value.trim().trim_matches('"');
            if name == "q" {
                range.weight = weight(value)?;
            } else {
                range.parameters.push((name, value));
            }
        }
        Some(range)
    })
}

/// A weight (RFC 9110 section 12.4.2) in thousandths.
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(FULL_WEIGHT),
        _ => None,
    }
}

/// The parts between separators, of which those inside quotes do not count.
fn split_outside_quotes(text: &str, separator: u8) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ if byte == separator && !is_quoted => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrapers_get_what_they_want_most() {
        let prometheus3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let prometheus3_protobuf = format!(
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.7,\
             {prometheus3}"
        );
        let prometheus2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
        for (accept, wanted) in [
            (prometheus3, Format::OpenMetrics100),
            (&prometheus3_protobuf, Format::Protobuf),
            (prometheus2, Format::OpenMetrics100),
            ("application/openmetrics-text;version=0.0.1", Format::OpenMetrics100),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", Format::OpenMetrics100),
            ("application/openmetrics-text", Format::OpenMetrics100),
            ("text/plain;version=1.0.0;escaping=underscores", Format::Text100),
            ("text/plain;version=0.0.4", Format::Text004),
            ("text/plain", Format::Text004),
            ("text/*", Format::Text004),
            ("*/*", Format::Text004),
            (browser, Format::Text004),
            ("*/*, application/openmetrics-text", Format::OpenMetrics100),
            ("application/openmetrics-text;q=0.5, text/plain;q=0.9", Format::Text004),
            ("text/plain;version=0.0.4, application/openmetrics-text", Format::Text004),
            ("text/plain;q=0, */*", Format::OpenMetrics100),
            ("application/openmetrics-text;q=0, */*;q=0.1", Format::Text004),
            ("application/*", Format::OpenMetrics100),
            ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily", Format::Text004),
            ("application/vnd.google.protobuf;proto=x.Y;encoding=delimited", Format::Text004),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text;q=0.9,\
                 text/plain;version=1.0.0;q=0.1",
                Format::Text100,
            ),
        ] {
            assert_eq!(format([accept]).0, wanted, "{accept}");
        }
    }

    #[test]
    fn fields_are_read_as_one_list() {
        assert_eq!(
            format(["text/plain;q=0.1", "application/openmetrics-text"]),
            (Format::OpenMetrics100, Escaping::Underscores)
        );
        assert_eq!(format([]), (Format::Text004, Escaping::Underscores));
    }

    #[test]
    fn the_escaping_is_that_of_the_range_that_won() {
        let accept = "application/openmetrics-text;version=1.0.0;escaping=dots;q=0.4,\
            text/plain;version=1.0.0;escaping=\"values\";q=0.6,text/plain;version=0.0.4;q=0.5";
        assert_eq!(format([accept]), (Format::Text100, Escaping::Values));
        for (escaping, wanted) in [
            ("allow-utf-8", Escaping::AllowUtf8),
            ("underscores", Escaping::Underscores),
            ("dots", Escaping::Dots),
            ("values", Escaping::Values),
            ("other", Escaping::Underscores),
            ("", Escaping::Underscores),
        ] {
            let accept = format!("application/openmetrics-text;version=1.0.0;escaping={escaping}");
            assert_eq!(format([&*accept]), (Format::OpenMetrics100, wanted));
        }
    }

    #[test]
    fn what_cannot_be_read_or_met_gets_the_last_resort() {
        for accept in [
            "",
            ",,;;",
            "application/json",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=2",
            "application/openmetrics-text;q=0.1234",
            "application/openmetrics-text;q=",
            "application/openmetrics-text;q=-1",
            "application/openmetrics-text;q=0",
            "text/plain;q=0",
            "\"application/openmetrics-text",
            "a/b;x=\"\\\",application/openmetrics-text,\"",
            "\u{e9},\u{1f600}/\u{1f600};q=\u{1f600}",
        ] {
            assert_eq!(format([accept]).0, Format::Text004, "{accept}");
        }
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accept, wanted) in [
            ("gzip", true),
            ("gzip, deflate, br", true),
            ("GZIP;q=0.5", true),
            ("x-gzip", true),
            ("*", true),
            ("", false),
            ("identity", false),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("*;q=0", false),
            ("gzip;q=oops", false),
            ("gzipped", false),
        ] {
            assert_eq!(accepts_gzip([accept]), wanted, "{accept}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_field_is_too_odd(accept in ".*") {
            format([&*accept]);
            accepts_gzip([&*accept]);
        }
    }
}
