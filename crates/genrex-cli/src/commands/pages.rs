use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Args;
use crate::command_error::CommandError;
use crate::output::Output;

/// `genrex completions`.
pub(crate) fn completions(shell: Shell, output: &Output) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "genrex", &mut script);
    output.raw(&script)
}

/// `genrex man`: the page of the program, and after it those of its commands.
pub(crate) fn man(output: &Output) -> Result<(), CommandError> {
    let mut command = Args::command();
    command.build();
    let mut page = Vec::new();
    let pages = std::iter::once(&command).chain(command.get_subcommands());
    for command in pages {
        clap_mangen::Man::new(command.clone())
            .render(&mut page)
            .map_err(|error| {
                CommandError::other("the manual page cannot be written").with_source(&error)
            })?;
    }
    output.raw(&page)
}
