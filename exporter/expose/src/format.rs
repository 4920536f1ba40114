//! The formats of exposition, and the ways in which they write names.

use flowfold_fold::Detail;

/// A format of exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4, the format of last resort.
    Text004,
    /// Prometheus text 1.0.0. It differs from 0.0.4 in how names outside ASCII are written, and there are none.
    Text100,
    /// OpenMetrics 1.0.0, with exemplars.
    OpenMetrics100,
    /// Length-delimited `io.prometheus.client.MetricFamily` messages, with native histograms beside the classic ones.
    Protobuf,
}

impl Format {
    /// Every format, the preferred ones first.
    pub const ALL: [Self; 4] = [Self::Text004, Self::OpenMetrics100, Self::Text100, Self::Protobuf];

    /// The value of the `Content-Type` field.
    pub fn content_type(self, escaping: Escaping) -> String {
        let escaping = escaping.as_parameter();
        match self {
            // It is older than escaping: no reader of it knows the parameter.
            Self::Text004 => "text/plain; version=0.0.4; charset=utf-8".to_owned(),
            Self::Text100 => format!("text/plain; version=1.0.0; charset=utf-8; escaping={escaping}"),
            Self::OpenMetrics100 => {
                format!("application/openmetrics-text; version=1.0.0; charset=utf-8; escaping={escaping}")
            }
            Self::Protobuf => format!(
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; \
                 escaping={escaping}"
            ),
        }
    }

    /// What of the store this format shows.
    pub const fn detail(self) -> Detail {
        match self {
            Self::Text004 | Self::Text100 => Detail::CLASSIC,
            Self::OpenMetrics100 => Detail { exponential: false, exemplars: true },
            Self::Protobuf => Detail::ALL,
        }
    }

    /// The label value of this format.
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Text004 => "text_0.0.4",
            Self::Text100 => "text_1.0.0",
            Self::OpenMetrics100 => "openmetrics_1.0.0",
            Self::Protobuf => "protobuf",
        }
    }
}

/// How a scraper wants names that Prometheus before 3.0 could not hold.
///
/// Flowfold has none: its names, and what becomes of configured ones, are letters, digits and underscores, which all
/// schemes leave as they are. So the scheme that was asked for is the one that is used, and the answer says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// As they are.
    AllowUtf8,
    /// With an underscore in place of each character that is not allowed.
    #[default]
    Underscores,
    /// With `_dot_` in place of dots and two underscores in place of one.
    Dots,
    /// With `U__` in front and the code point in place of each character that is not allowed.
    Values,
}

impl Escaping {
    /// Every scheme.
    pub const ALL: [Self; 4] = [Self::AllowUtf8, Self::Underscores, Self::Dots, Self::Values];

    /// The value of the parameter `escaping`.
    pub const fn as_parameter(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }

    /// The scheme of a parameter; underscores, which every reader understands, where it is not known.
    pub(crate) fn from_parameter(value: &str) -> Self {
        Self::ALL.into_iter().find(|scheme| scheme.as_parameter() == value).unwrap_or_default()
    }
}
