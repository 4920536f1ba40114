//! Reads the command line, and ends with the exit code that tells how it went.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use flowfold::cli::{Cli, Command, RoutesCommand};
use flowfold::error::{AgentError, Exit, whole};
use flowfold::{check, demo, routes, run};

fn main() -> ExitCode {
    let ended = match Cli::try_parse() {
        Ok(cli) => act(cli.command),
        Err(usage) => {
            // --help and --version are answers, and go to stdout; a closed pipe is nobody's fault.
            drop(usage.print());
            return if usage.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    ended
        .unwrap_or_else(|error| {
            drop(writeln!(io::stderr(), "flowfold: {}", whole(&error)));
            error.exit()
        })
        .into()
}

fn act(command: Command) -> Result<Exit, AgentError> {
    match command {
        Command::Run(arguments) => run::steer(&arguments).map(|()| Exit::Done),
        Command::Proxy(arguments) => run::relay(&arguments).map(|()| Exit::Done),
        Command::Check(arguments) => check::check(&arguments, &mut io::stdout().lock()),
        Command::Demo(arguments) => demo::show(&arguments).map(|()| Exit::Done),
        Command::Routes(RoutesCommand::Suggest(arguments)) => routes::suggest(&arguments, &mut io::stdout().lock()),
        Command::DemoService(arguments) => demo::serve(&arguments).map(|()| Exit::Done),
    }
}
