use std::io;
use std::path::{Path, PathBuf};

use genrex_async::core::{RowPolicy, RowStep};

use crate::command_error::CommandError;
use crate::commands::batch::kept::Kept;
use crate::commands::batch::rows::{Row, Source};
use crate::commands::out_dir::OutDir;
use crate::files;
use crate::name::longest_id;

/// Refuses a batch that would buy what has no place: where a name is not taken, or a folder not written to. Unless
/// nothing `may_be_made`, the folders of the rows are made, and each file is tried.
pub(super) async fn refuse_unstorable(
    source: &Source,
    out: &OutDir,
    kept: &Kept,
    (policy, may_be_made): (RowPolicy, bool),
) -> Result<(), CommandError> {
    let mut first = None;
    let mut count = 0_u64;
    for row in source.rows()? {
        let row = row?;
        let path = longest_path(&row, out);
        let Err(why) = out.try_out(&path, may_be_made) else {
            continue;
        };
        let newest = kept.newest(&row).await?;
        let is_here = out.is_here(newest.as_ref()).await?;
        if matches!(
            RowStep::of(newest.as_ref(), policy, is_here),
            RowStep::Buy { .. }
        ) {
            count += 1;
            first.get_or_insert((row, path, why));
        }
    }
    match first {
        Some((row, path, why)) => Err(refusal(count, &row, &path, &why)),
        None => Ok(()),
    }
}

/// Where a row's audio goes, with as long an id as a job can have where that is part of the name.
fn longest_path(row: &Row, out: &OutDir) -> PathBuf {
    match row.longest_output() {
        Some(output) => out.at(&output),
        None => out.named_after(row.text.as_str(), &longest_id()),
    }
}

fn refusal(count: u64, row: &Row, path: &Path, why: &io::Error) -> CommandError {
    let line = row.line;
    let shown = match row.output(None) {
        Some(_) => files::from_here(path),
        None => String::from("its audio, whose name ends with the job's id,"),
    };
    let message = match count {
        1 => format!("line {line}: {shown} cannot be stored; nothing was sent"),
        _ => format!(
            "{count} rows cannot be stored, the first of them line {line}: {shown}; nothing was sent"
        ),
    };
    CommandError::usage(message).with_source(why).hint(
        "give it another output, yourself the right to write there, or choose another --out-dir",
    )
}
