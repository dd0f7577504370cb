use std::path::Path;

use genrex_async::QueryId;
use genrex_async::core::proto::Escaped;
use genrex_async::core::{RowPolicy, RowStep, bought_elsewhere};
use genrex_ledger::{Account, Entry};

use crate::args::Batch;
use crate::command_error::CommandError;
use crate::commands::batch::kept::Kept;
use crate::commands::batch::marker::{KeptIn, Marker, folder_of, new_batch, words};
use crate::commands::batch::other_batch::OtherBatch;
use crate::commands::batch::row_policy;
use crate::commands::batch::rows::{Row, Source};
use crate::commands::out_dir::OutDir;
use crate::connect::{Connection, quoted, same_command};

/// A batch, and the marker that its folder is to have.
pub(crate) struct Identified {
    pub(crate) kept: Kept,
    marker: Option<Marker>,
    found: Option<Marker>,
}

impl Identified {
    /// Marks the folder; another process may have been faster, and has named the batch then.
    pub(crate) async fn mark(mut self, out: &OutDir) -> Result<Kept, CommandError> {
        if let Some(marker) = self.marker {
            self.kept.batch = marker.write(out, self.found.as_ref()).await?.batch;
        }
        Ok(self.kept)
    }
}

/// Finds out which batch a folder holds, and refuses what would buy its rows a second time, unless `--new` asks for that.
pub(crate) async fn identify(
    source: &Source,
    out: &OutDir,
    connection: &Connection,
    account: Account,
    batch: &Batch,
) -> Result<Identified, CommandError> {
    let mut kept = Kept::of(&connection.client, account, new_batch(out.path()))?;
    // What a sandbox in this process holds ends with it: no folder is known by it.
    let Some(place) = &connection.ledger_place else {
        return Ok(Identified {
            kept,
            marker: None,
            found: None,
        });
    };
    let kept_in = KeptIn {
        name: kept.ledger.name().await?,
        path: place.clone(),
    };
    let mut found = Marker::read(out).await?;
    match &found {
        Some(marker) => kept.batch.clone_from(&marker.batch),
        None => {
            if let Some(known) = batch_that_lies_in(out, source, &kept).await? {
                kept.batch = known;
            }
        }
    }
    if !batch.new {
        if let Some(other) = found.as_ref().and_then(|marker| marker.ledger.as_ref()) {
            refuse_other_ledger(other, &kept_in, out)?;
        }
        let how = (row_policy(batch), found.is_some());
        if let Err(refusal) = refuse_other_batch(source, out, &kept, how).await {
            // Another process of this very batch may have named it, and bought of it, meanwhile.
            let named = Marker::read(out).await?.filter(|_| found.is_none());
            let Some(marker) = named else {
                return Err(refusal);
            };
            kept.batch.clone_from(&marker.batch);
            found = Some(marker);
            refuse_other_batch(source, out, &kept, (how.0, true)).await?;
        }
    }
    let marker = Marker {
        batch: kept.batch.clone(),
        ledger: Some(kept_in),
    };
    Ok(Identified {
        kept,
        marker: Some(marker),
        found,
    })
}

/// By another ledger nothing of the batch would be known, and everything bought again.
fn refuse_other_ledger(kept: &KeptIn, opened: &KeptIn, out: &OutDir) -> Result<(), CommandError> {
    if kept.name == opened.name {
        return Ok(());
    }
    let place = Escaped(&kept.path).to_string();
    if kept.path == opened.path {
        let message = format!(
            "the ledger {place} is not the one that knows what was bought for {}: that one was moved, removed or \
             replaced; nothing was sent",
            out.shown()
        );
        return Err(CommandError::usage(message).hint(
            "put it back, or name it by GENREX_LEDGER; --new buys everything in this folder again",
        ));
    }
    let message = format!(
        "what was bought for {} is in another ledger: {place}; nothing was sent",
        out.shown()
    );
    let again = same_command();
    let again = Escaped(&again);
    let how = match place.contains("://") {
        // The marker does not say how the connection is encrypted.
        true => format!(
            "set GENREX_LEDGER to it, with the sslmode that it is used with, and {again} goes on with it"
        ),
        false => format!("GENREX_LEDGER={} {again} goes on with it", quoted(&place)),
    };
    let hint = format!("{how}; --new buys everything in this folder again");
    Err(CommandError::usage(message).hint(hint))
}

/// The batch whose jobs lie in a folder that has lost its marker.
async fn batch_that_lies_in(
    out: &OutDir,
    source: &Source,
    kept: &Kept,
) -> Result<Option<String>, CommandError> {
    for row in source.rows()? {
        let row = row?;
        let jobs = bought_elsewhere(kept.account.clone(), &row.name);
        let jobs = kept.ledger.entries(&jobs).await?;
        let here = jobs.into_iter().find(|job| lies_in(out, &row, job));
        if let Some(batch) = here.and_then(|job| job.batch) {
            return Ok(Some(batch));
        }
    }
    Ok(None)
}

/// Whether a job's audio was put into this folder, or is to be.
fn lies_in(out: &OutDir, row: &Row, job: &Entry) -> bool {
    let path = job.path.as_deref().map(Path::new);
    match (path, job.batch.as_deref().and_then(folder_of)) {
        (Some(path), _) => {
            let output = row.output(job.query_id.as_ref().map(QueryId::as_str));
            let output = output.map(|output| out.at(&output));
            path.parent() == Some(out.path()) || output.as_deref() == Some(path)
        }
        (None, Some(begun)) => begun == words(out.path()),
        (None, None) => false,
    }
}

/// Rows that another batch has bought are not bought again unasked: the folder may be the wrong one. `is_marked` says
/// whether it was known before which batch the folder holds.
async fn refuse_other_batch(
    source: &Source,
    out: &OutDir,
    kept: &Kept,
    (policy, is_marked): (RowPolicy, bool),
) -> Result<(), CommandError> {
    let other = OtherBatch::default();
    for row in source.rows()? {
        let row = row?;
        let newest = kept.newest(&row).await?;
        if !matches!(
            RowStep::of(newest.as_ref(), policy, false),
            RowStep::Buy { .. }
        ) {
            continue;
        }
        let Some(job) = kept.bought_elsewhere(&row, newest.as_ref()).await? else {
            continue;
        };
        // Another process of this very batch may have begun it meanwhile.
        if is_marked || !lies_in(out, &row, &job) {
            other.has(&row, job);
        }
    }
    match other.refusal(out, "nothing was sent") {
        Some((message, hint)) => Err(CommandError::usage(message).hint(hint)),
        None => Ok(()),
    }
}
