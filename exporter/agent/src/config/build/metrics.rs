//! What the metrics show: methods by name, and views.

use flowfold_fold::{DEFAULT_MAX_RPC_METHODS, MAX_MAX_RPC_METHODS, Methods, RpcMethods, View};

use super::{is_token, line_of, number, value};
use crate::config::problem::Collector;
use crate::config::raw::Text;

/// The HTTP methods that are shown by name.
pub(super) fn known_methods(problems: &mut Collector, raw: Option<&[Text]>) -> Methods {
    let Some(raw) = raw else { return Methods::default() };
    let mut names = Vec::with_capacity(raw.len());
    for (index, text) in raw.iter().enumerate() {
        let at = format!("known_methods[{index}]");
        let read = |text: &str| is_token(text).then(|| text.to_owned());
        names.extend(value(problems, &at, Some(text), "is not a method", "write a method's name, as in GET", read));
    }
    Methods::only(&names).unwrap_or_else(|error| {
        problems.report(None, "known_methods", error.to_string(), "keep those that matter most");
        Methods::default()
    })
}

/// The gRPC methods that are shown by name: a list, or how many are learned.
pub(super) fn rpc_methods(problems: &mut Collector, list: Option<&[Text]>, max: Option<&Text>) -> RpcMethods {
    let learned = number(problems, "max_rpc_methods", max, MAX_MAX_RPC_METHODS);
    let Some(list) = list else {
        return RpcMethods::learned(learned.map_or(DEFAULT_MAX_RPC_METHODS, usize::from));
    };
    if let Some(max) = max {
        let what = "has no meaning beside known_rpc_methods, which names the methods";
        problems.report(Some(line_of(max)), "max_rpc_methods", what, "keep one of the two");
    }
    let mut names = Vec::with_capacity(list.len());
    for (index, text) in list.iter().enumerate() {
        let at = format!("known_rpc_methods[{index}]");
        let read = |text: &str| RpcMethods::only([text]).is_ok().then(|| text.to_owned());
        let fix = "write package.Service/Method, as in shop.Cart/Add";
        names.extend(value(problems, &at, Some(text), "is not a gRPC method", fix, read));
    }
    RpcMethods::only(&names).unwrap_or_else(|error| {
        problems.report(None, "known_rpc_methods", error.to_string(), "keep those that matter most");
        RpcMethods::default()
    })
}

/// The naming schemes under which exchanges are shown.
pub(super) fn views(problems: &mut Collector, raw: Option<&[Text]>) -> Vec<View> {
    let Some(raw) = raw else { return vec![View::OpenTelemetry] };
    let known = View::ALL.map(View::name).join(", ");
    let mut views = Vec::with_capacity(raw.len());
    for (index, text) in raw.iter().enumerate() {
        let at = format!("metrics.views[{index}]");
        let fix = format!("write one of {known}");
        let view = value(problems, &at, Some(text), "is not a view", &fix, View::from_name);
        views.extend(view.filter(|view| !views.contains(view)));
    }
    views
}
