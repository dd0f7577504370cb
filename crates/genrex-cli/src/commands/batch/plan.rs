use std::time::Duration;

use genrex_async::core::{Estimate, Fit, RowPolicy, RowStep, left_of};
use genrex_async::{Balance, ErrorKind};
use genrex_ledger::Account;
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::{Batch, Global};
use crate::clock;
use crate::command_error::{CommandError, in_a_line};
use crate::commands::batch::identity::identify;
use crate::commands::batch::kept::Kept;
use crate::commands::batch::rows::{Checked, Row, Source};
use crate::commands::batch::storable::refuse_unstorable;
use crate::commands::batch::{call_options, row_policy};
use crate::commands::out_dir::OutDir;
use crate::connect::Connection;
use crate::files;
use crate::ledger;
use crate::output::Output;

/// What a batch would do now, from what the ledger holds.
struct Plan {
    rows: Vec<Planned>,
    estimate: Estimate,
    /// What the account has left; none if the service could not be asked.
    credits_left: Option<u64>,
    bounds: Vec<Bound>,
}

/// What would be done with a row.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    line: u64,
    step: &'static str,
    seconds: u8,
    local_id: Option<i64>,
    path: Option<String>,
}

/// Something that a purchase has to fit into.
struct Bound {
    name: &'static str,
    left: u64,
    fit: Fit,
}

/// `--dry-run`: asks for the balance, which is free, and sends nothing else; without an answer it goes by the ledger.
pub(super) async fn run(
    batch: &Batch,
    source: &Source,
    checked: &Checked,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    let connection = Connection::open(global, call_options(batch)).await?;
    ledger::warn_of_set_aside(output)?;
    let balance = ask(&connection, output).await?;
    if let Some(balance) = &balance {
        checked.refuse_longer_than(balance.max_duration_seconds)?;
    }
    let account = whose(&connection, balance.as_ref()).await?;
    let out = OutDir::look(&batch.out_dir)?;
    let identified = identify(source, &out, &connection, account, batch).await?;
    let (kept, policy) = (&identified.kept, row_policy(batch));
    if !batch.force {
        refuse_taken(source, &out, kept, policy).await?;
    }
    refuse_unstorable(source, &out, kept, (policy, false)).await?;
    let mut rows = Vec::new();
    for row in source.rows()? {
        rows.push(Planned::of(&row?, kept, &out, policy).await?);
    }
    let known = kept.ledger.credits(&kept.account).await?;
    let to_buy = rows.iter().filter(|row| row.step == "buy");
    let durations = to_buy.map(|row| row.seconds);
    let estimate = Estimate::of(&known, connection.limits.per_job, durations);
    let credits_left = balance.as_ref().map(Balance::credits_left);
    let limits = left_of(&connection.limits, &known, clock::now());
    let own = [("balance", credits_left), ("maxCredits", batch.max_credits)];
    let own = own
        .into_iter()
        .filter_map(|(name, left)| Some((name, left?)));
    let bounds = own.chain(limits).map(|(name, left)| Bound {
        name,
        left,
        fit: estimate.within(left),
    });
    Plan {
        bounds: bounds.collect(),
        rows,
        estimate,
        credits_left,
    }
    .show(output)
}

/// Refuses a batch that would buy what cannot be stored: a file is there already under the name of a row's output.
pub(super) async fn refuse_taken(
    source: &Source,
    out: &OutDir,
    kept: &Kept,
    policy: RowPolicy,
) -> Result<(), CommandError> {
    // An object store is asked of each row when its turn comes: asking it of all takes long.
    if out.store().is_some() {
        return Ok(());
    }
    let mut first = None;
    let mut count = 0_u64;
    for row in source.rows()? {
        let row = row?;
        let Some(path) = row.output(None).map(|output| out.at(&output)) else {
            continue;
        };
        // What cannot be looked at is refused as what cannot be stored.
        if path.symlink_metadata().is_err() {
            continue;
        }
        let newest = kept.newest(&row).await?;
        let is_here = out.is_here(newest.as_ref()).await?;
        let step = RowStep::of(newest.as_ref(), policy, is_here);
        if matches!(step, RowStep::Buy { .. }) {
            count += 1;
            first.get_or_insert((row.line, path));
        }
    }
    let Some((line, path)) = first else {
        return Ok(());
    };
    let path = files::from_here(path);
    let message = match count {
        1 => {
            format!("{path} is there already, and is the output of line {line}; nothing was sent")
        }
        _ => format!(
            "{count} files are there already, the first of them {path}, the output of line {line}; nothing was sent"
        ),
    };
    Err(CommandError::usage(message)
        .hint(
            "the ledger does not know that these rows were bought: if it was restored and they were, take them out of the \
             file; --force buys them, and replaces what is there; another --out-dir or another output keeps it",
        ))
}

/// The balance; none if the service cannot be asked now.
async fn ask(connection: &Connection, output: &Output) -> Result<Option<Balance>, CommandError> {
    const SHORT: Duration = Duration::from_secs(10);
    let client = &connection.client;
    let mut settings = *client.settings();
    settings.deadline = Some(SHORT);
    match client.with_settings(settings).balance().await {
        Ok(balance) => Ok(Some(balance)),
        Err(error) if error.kind() == ErrorKind::Credentials => Err(error.into()),
        Err(error) => {
            let why = in_a_line(&error);
            output.warning(format_args!(
                "the balance is not known, and this goes by the ledger alone: {why}"
            ));
            Ok(None)
        }
    }
}

async fn whose(
    connection: &Connection,
    balance: Option<&Balance>,
) -> Result<Account, CommandError> {
    if let Some(user) = balance.and_then(|balance| balance.user_id.as_deref()) {
        return Ok(Account::new(&connection.client.base_url().origin(), user));
    }
    let learned = match connection.client.ledger() {
        Some(ledger) => ledger.account(&connection.alias).await?,
        None => None,
    };
    Ok(learned.unwrap_or_else(|| connection.alias.clone().into()))
}

impl Planned {
    async fn of(
        row: &Row,
        kept: &Kept,
        out: &OutDir,
        policy: RowPolicy,
    ) -> Result<Self, CommandError> {
        let newest = kept.newest(row).await?;
        let newest = newest.as_ref();
        let step = match RowStep::of(newest, policy, out.is_here(newest).await?) {
            RowStep::Buy { .. } => "buy",
            RowStep::Fetch(_) => "fetch",
            RowStep::Here => "here",
            RowStep::Elsewhere(_) => "elsewhere",
            RowStep::Unclear(_) => "unclear",
            RowStep::Settled(_) => "lost",
            RowStep::Leave => "leave",
        };
        Ok(Self {
            line: row.line,
            step,
            seconds: row.duration.get(),
            local_id: newest.map(|entry| entry.id.0),
            path: newest.and_then(|entry| entry.path.clone()),
        })
    }

    /// What a person is told of a row that is not bought.
    fn words(&self) -> Option<String> {
        let job = self.local_id.unwrap_or_default();
        let said = match self.step {
            "fetch" => format!("job {job} is bought, and is downloaded"),
            "here" => {
                let path = self.path.as_deref().unwrap_or_default();
                format!("here: {}", files::from_here(path))
            }
            "elsewhere" => format!("job {job} is being bought by another genrex"),
            "unclear" => {
                format!("job {job} may have been charged, and is left: genrex jobs reconcile {job}")
            }
            "lost" => format!("job {job} was charged and is lost: --retry-failed buys it again"),
            "leave" => {
                format!("job {job} failed or was refused, and is left: genrex jobs show {job}")
            }
            _ => return None,
        };
        Some(format!("line {}: {said}", self.line))
    }
}

impl Plan {
    fn show(&self, output: &Output) -> Result<(), CommandError> {
        if output.is_json() {
            return output.document(&self.document());
        }
        for line in self.rows.iter().filter_map(Planned::words) {
            output.line(line)?;
        }
        for line in self.summary() {
            output.line(line)?;
        }
        Ok(())
    }

    fn count(&self, step: &str) -> usize {
        self.rows.iter().filter(|row| row.step == step).count()
    }

    fn document(&self) -> Value {
        let durations = self.estimate.durations.iter();
        let durations = durations.map(
            |(seconds, (rows, price))| json!({"seconds": seconds, "rows": rows, "price": price}),
        );
        let bounds = self.bounds.iter().map(|bound| {
            let fits = match bound.fit {
                Fit::Fits => Some(true),
                Fit::Exceeds => Some(false),
                Fit::Unknown => None,
            };
            json!({"name": bound.name, "creditsLeft": bound.left, "fits": fits})
        });
        let steps = [
            "buy",
            "fetch",
            "here",
            "elsewhere",
            "unclear",
            "lost",
            "leave",
        ];
        let counts = steps.map(|step| (step.to_owned(), self.count(step).into()));
        json!({
            "dryRun": true,
            "planned": self.rows.len(),
            "steps": counts.into_iter().collect::<serde_json::Map<_, _>>(),
            "durations": durations.collect::<Vec<_>>(),
            "knownCredits": self.estimate.known,
            "rowsOfUnknownPrice": self.estimate.unknown,
            "atMostCredits": self.estimate.at_most,
            "creditsLeft": self.credits_left,
            "bounds": bounds.collect::<Vec<_>>(),
            "rows": self.rows,
        })
    }

    fn summary(&self) -> Vec<String> {
        let Estimate {
            durations,
            known,
            unknown,
            at_most,
            ..
        } = &self.estimate;
        let mut lines = vec![format!(
            "{} rows: {} to buy, {} to download, {} here, {} unclear, {} left as they are",
            self.rows.len(),
            self.count("buy"),
            self.count("fetch"),
            self.count("here"),
            self.count("unclear") + self.count("elsewhere"),
            self.count("lost") + self.count("leave"),
        )];
        lines.extend(durations.iter().map(|(seconds, (rows, price))| match price {
            Some(price) => format!("{rows} of {seconds} s, {price} credits each, as the balance has shown"),
            None => format!("{rows} of {seconds} s, whose price is not known: the first goes alone and shows it"),
        }));
        lines.push(match (unknown, at_most) {
            (0, _) => format!("cost: {known} credits"),
            (_, Some(at_most)) => format!(
                "cost: not known; {known} credits for what is known, {at_most} at most by [limits] per_job"
            ),
            (_, None) => format!(
                "cost: not known; {known} credits for what is known, and {unknown} pieces more. [limits] per_job bounds a \
                 piece: genrex help money"
            ),
        });
        if self.credits_left.is_none() {
            lines.push(String::from("balance: not known"));
        }
        lines.extend(self.bounds.iter().map(Bound::words));
        lines.push(String::from("nothing was sent, and nothing was bought"));
        lines
    }
}

impl Bound {
    fn words(&self) -> String {
        let name = match self.name {
            "balance" => String::from("balance"),
            "maxCredits" => String::from("--max-credits"),
            limit => format!("[limits] {limit}"),
        };
        let left = self.left;
        match self.fit {
            Fit::Fits => format!("{name}: {left} credits left, enough"),
            Fit::Exceeds => {
                format!("{name}: {left} credits left, too few: the batch stops before its end")
            }
            Fit::Unknown => {
                format!("{name}: {left} credits left; whether that is enough is not known")
            }
        }
    }
}
