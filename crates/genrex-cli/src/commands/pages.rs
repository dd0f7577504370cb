use std::fs;
use std::path::Path;

use clap_complete::Shell;

use crate::args::Man;
use crate::command_error::CommandError;
use crate::help;
use crate::output::Output;

/// `genrex completions`.
pub(crate) fn completions(shell: Shell, output: &Output) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut help::command(), "genrex", &mut script);
    output.raw(&script)
}

/// `genrex man`: a page a command.
pub(crate) fn man(man: &Man, output: &Output) -> Result<(), CommandError> {
    let mut command = help::command();
    command.build();
    if let Some(folder) = &man.out_dir {
        return write_all(&command, folder, output);
    }
    let mut found = &command;
    for name in &man.command {
        found = found.find_subcommand(name).ok_or_else(|| {
            let shown = man.command.join(" ");
            CommandError::usage(format!("there is no command {shown}"))
                .hint("genrex help lists them")
        })?;
    }
    output.raw(&page(found)?)
}

fn write_all(command: &clap::Command, folder: &Path, output: &Output) -> Result<(), CommandError> {
    let cannot = |error: std::io::Error| {
        let message = format!("{} cannot be written to", folder.display());
        CommandError::other(message).with_source(&error)
    };
    fs::create_dir_all(folder).map_err(cannot)?;
    let mut left = vec![command];
    while let Some(command) = left.pop() {
        let path = folder.join(format!("{}.1", name_of(command)));
        fs::write(&path, page(command)?).map_err(cannot)?;
        output.line(path.display())?;
        left.extend(command.get_subcommands());
    }
    Ok(())
}

/// `genrex-jobs-list`
fn name_of(command: &clap::Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

fn page(command: &clap::Command) -> Result<Vec<u8>, CommandError> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone()).title(name_of(command));
    man.render(&mut page).map_err(|error| {
        CommandError::other("the manual page cannot be written").with_source(&error)
    })?;
    Ok(page)
}
