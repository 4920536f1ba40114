//! `flowfold routes suggest`: what a running agent learned of paths, as templates to paste into its configuration.

mod ask;
mod yaml;

use std::io::Write;

use crate::cli::SuggestArgs;
use crate::error::{AgentError, Exit};
use crate::{run, stdout};

/// Asks the agent and prints what it answers as YAML. One that learns nothing is told how it would.
pub fn suggest(arguments: &SuggestArgs, out: &mut impl Write) -> Result<Exit, AgentError> {
    let address = arguments.agent;
    let learned = run::runtime()?.block_on(ask::learned(address))?;
    if learned.max_url_templates == 0 {
        return Err(AgentError::LearnsNothing { address });
    }
    let written = yaml::write(&learned, out).and_then(|()| out.flush());
    stdout::reader(written).map_err(AgentError::system("cannot write the answer"))?;
    Ok(Exit::Done)
}
