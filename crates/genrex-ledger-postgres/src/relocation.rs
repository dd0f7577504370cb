//! What holds the ledger, and all that it holds: read as a whole, or taken as a whole.

use async_trait::async_trait;
use genrex_ledger::relocation::{Contents, KeptJob, Portable};
use genrex_ledger::{
    Account, Alias, Change, Credits, Error, ErrorKind, Filter, Hold, HoldKind, LocalId, Past,
    State, rules,
};
use serde_json::{Map, json};
use tokio_postgres::Row;

use crate::calls::Call;
use crate::failure::Failure;
use crate::ledger::PostgresLedger;
use crate::restored::step::{self, Step};
use crate::row::{self, COLUMNS, Value};
use crate::session::{Kind, Session};
use crate::store::{Owner, Store};
use crate::text;

/// So many rows are sent by one statement.
const AT_ONCE: usize = 500;

#[async_trait]
impl Portable for PostgresLedger {
    async fn hold(&self) -> Result<Option<Hold>, Error> {
        self.ask(HoldOf).await
    }

    async fn change_hold(
        &self,
        expected: Option<&Hold>,
        next: Option<&Hold>,
        _: u64,
    ) -> Result<(), Error> {
        let (expected, next) = (expected.cloned(), next.cloned());
        self.write(ChangeHold { expected, next }).await
    }

    async fn contents(&self) -> Result<Contents, Error> {
        self.ask(ContentsOf).await
    }

    async fn fill(&self, contents: &Contents, hold: &Hold, _: u64) -> Result<(), Error> {
        let (contents, hold) = (contents.clone(), hold.clone());
        self.write(Fill { contents, hold }).await
    }
}

/// What holds the ledger.
struct HoldOf;

#[async_trait]
impl Call for HoldOf {
    type Answer = Option<Hold>;

    fn kind(&self) -> Kind {
        Kind::Read
    }

    async fn run(&mut self, store: Store<'_>) -> Result<Option<Hold>, Failure> {
        Ok(held(store.session).await?.hold)
    }
}

/// All that it holds.
struct ContentsOf;

#[async_trait]
impl Call for ContentsOf {
    type Answer = Contents;

    fn kind(&self) -> Kind {
        Kind::ReadAll
    }

    async fn run(&mut self, store: Store<'_>) -> Result<Contents, Failure> {
        store.contents().await
    }
}

/// Who accepted a ledger whose steps were numbered anew, since they came from another.
pub(crate) const MOVED: &str = "genrex ledger copy";

/// Another hold in place of the one that was seen.
struct ChangeHold {
    expected: Option<Hold>,
    next: Option<Hold>,
}

#[async_trait]
impl Call for ChangeHold {
    type Answer = ();

    fn kind(&self) -> Kind {
        Kind::Hold
    }

    fn change(&self) -> Option<Change> {
        None
    }

    async fn run(&mut self, store: Store<'_>) -> Result<(), Failure> {
        let found = held(store.session).await?.hold;
        // The answer to the same call may have been lost.
        if found == self.next {
            return Ok(());
        }
        let states = State::ALL.into_iter().filter(|state| state.is_in_flight());
        let mut in_flight = Filter::default().states(states.collect::<Vec<_>>());
        in_flight.limit = Some(1);
        let in_flight = store.entries(&in_flight).await?;
        rules::change_hold(
            found.as_ref(),
            self.expected.as_ref(),
            self.next.as_ref(),
            in_flight.first(),
        )?;
        store.keep_hold(self.next.as_ref(), &[]).await
    }
}

/// All that another holds.
struct Fill {
    contents: Contents,
    hold: Hold,
}

#[async_trait]
impl Call for Fill {
    type Answer = ();

    fn kind(&self) -> Kind {
        Kind::Fill
    }

    fn change(&self) -> Option<Change> {
        None
    }

    async fn run(&mut self, store: Store<'_>) -> Result<(), Failure> {
        let found = held(store.session).await?;
        // The answer to the same call may have been lost.
        if found.hold.as_ref() == Some(&self.hold) && found.name == self.contents.name {
            return Ok(());
        }
        let any = "SELECT EXISTS (SELECT FROM genrex.job) OR EXISTS (SELECT FROM genrex.credits) \
             OR EXISTS (SELECT FROM genrex.alias)";
        let rows = store.session.read(any, &[]).await?;
        let is_any = rows.first().map(|row| row.try_get::<_, bool>(0));
        rules::fill(!is_any.transpose()?.unwrap_or(true), found.hold.as_ref())?;
        let mut jobs = self.contents.jobs.iter();
        if jobs.any(|job| job.entry.state.is_in_flight()) {
            let message = "a job of the ledger is in flight, which cannot be copied";
            return Err(Error::new(ErrorKind::InFlight, message).into());
        }
        // From here on jobs may begin with any state.
        store.keep_hold(Some(&self.hold), &[]).await?;
        store.fill(&self.contents).await
    }
}

/// What every transaction that writes asks first: whose tables these are, and whether they are held.
pub(crate) struct Held {
    /// The ledger's own name: it may have taken another's since it was opened.
    pub(crate) name: String,
    /// How often somebody has taken it as it was, after it was restored.
    pub(crate) generation: i64,
    /// Which start of which server answers, with which tables: behind a pool that changes while a connection lasts.
    pub(crate) start: String,
    pub(crate) hold: Option<Hold>,
}

pub(crate) async fn held(session: &Session) -> Result<Held, Failure> {
    let sql = "SELECT ledger.id, hold.kind, hold.token, hold.detail, hold.command, \
             (SELECT count(*) FROM genrex.restored), \
             extract(epoch FROM pg_postmaster_start_time()) || '/' || 'genrex.history'::regclass::oid \
         FROM genrex.ledger LEFT JOIN genrex.hold ON true";
    let rows = session.read(sql, &[]).await?;
    let row = rows.first().ok_or_else(crate::store::nothing)?;
    let kind: Option<String> = row.try_get(1)?;
    let kept = |at: usize| -> Result<String, Failure> {
        let text: Option<String> = row.try_get(at)?;
        Ok(text::read(&text.unwrap_or_default()))
    };
    let hold = match kind {
        Some(kind) => Some(Hold {
            kind: kind.parse::<HoldKind>()?,
            token: kept(2)?,
            detail: kept(3)?,
            command: kept(4)?,
        }),
        None => None,
    };
    Ok(Held {
        name: row.try_get(0)?,
        generation: row.try_get(5)?,
        start: row.try_get(6)?,
        hold,
    })
}

impl Store<'_> {
    /// With the steps that machines miss.
    pub(crate) async fn keep_hold(
        self,
        hold: Option<&Hold>,
        steps: &[Step],
    ) -> Result<(), Failure> {
        self.session.read("DELETE FROM genrex.hold", &[]).await?;
        let Some(hold) = hold else {
            return Ok(());
        };
        let sql = "INSERT INTO genrex.hold (kind, token, detail, command, machine, steps) \
             VALUES ($1, $2, $3, $4, $5, $6::jsonb)";
        let Owner { name, .. } = self.owner;
        let steps = step::written(steps);
        let texts = [
            hold.kind.as_str(),
            &hold.token,
            &hold.detail,
            &hold.command,
            name,
            &steps,
        ];
        let values = texts.map(Value::text);
        self.session.read(sql, &values).await.map(drop)
    }

    async fn contents(self) -> Result<Contents, Failure> {
        let all = "SELECT * FROM genrex.job ORDER BY id";
        let mut jobs = Vec::new();
        for row in self.session.read(all, &[]).await? {
            let key: String = row.try_get("key")?;
            jobs.push(KeptJob {
                key: u128::from_str_radix(&key, 16).ok(),
                entry: row::entry(&row)?,
            });
        }
        Ok(Contents {
            name: self.name().await?,
            jobs,
            history: self.all_history().await?,
            aliases: self.all_aliases().await?,
            credits: self.all_credits().await?,
        })
    }

    async fn all_history(self) -> Result<Vec<(LocalId, Past)>, Failure> {
        let all = "SELECT job, at, state, detail FROM genrex.history ORDER BY id";
        let past = |row: &Row| {
            let (at, state): (i64, String) = (row.try_get(1)?, row.try_get(2)?);
            let detail: Option<String> = row.try_get(3)?;
            let detail = detail.map(|kept| text::read(&kept));
            let past = Past::new(at.cast_unsigned(), state.parse()?, detail);
            Ok((LocalId(row.try_get(0)?), past))
        };
        let rows = self.session.read(all, &[]).await?;
        rows.iter().map(past).collect()
    }

    async fn all_aliases(self) -> Result<Vec<(Alias, Account, u64)>, Failure> {
        let all = "SELECT alias, account, seen_at FROM genrex.alias ORDER BY alias COLLATE \"C\"";
        let alias = |row: &Row| {
            let (alias, account): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let since: i64 = row.try_get(2)?;
            Ok((
                Alias::from(text::read(&alias)),
                Account::from(text::read(&account)),
                since.cast_unsigned(),
            ))
        };
        let rows = self.session.read(all, &[]).await?;
        rows.iter().map(alias).collect()
    }

    async fn all_credits(self) -> Result<Vec<(Account, Credits)>, Failure> {
        let all = "SELECT account, credits FROM genrex.credits ORDER BY account COLLATE \"C\"";
        let credits = |row: &Row| {
            let (account, json): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let account = Account::from(text::read(&account));
            Ok((account, Credits::from_json(&json)?))
        };
        let rows = self.session.read(all, &[]).await?;
        rows.iter().map(credits).collect()
    }

    async fn fill(self, contents: &Contents) -> Result<(), Failure> {
        let columns = COLUMNS.map(|column| format!("\"{column}\"")).join(", ");
        let insert = format!(
            "INSERT INTO genrex.job ({columns}, key, owner, epoch) SELECT {columns}, key, '', 0 \
             FROM json_populate_recordset(NULL::genrex.job, $1::json)"
        );
        self.send(&insert, contents.jobs.iter().map(job)).await?;
        let superseded = contents.jobs.iter().filter_map(|KeptJob { entry, .. }| {
            let by = entry.superseded_by?;
            Some(json!({"id": entry.id, "superseded_by": by}))
        });
        let update = "UPDATE genrex.job SET superseded_by = found.superseded_by \
             FROM json_to_recordset($1::json) AS found (id bigint, superseded_by bigint) WHERE job.id = found.id";
        self.send(update, superseded).await?;
        let history = contents.history.iter().map(|(id, past)| {
            let detail = past.detail.as_deref().map(text::kept);
            json!({"job": id, "at": past.at, "state": past.state, "detail": detail})
        });
        let insert = "INSERT INTO genrex.history (job, at, state, detail) SELECT job, at, state, detail \
             FROM json_to_recordset($1::json) AS found (job bigint, at bigint, state text, detail text)";
        self.send(insert, history).await?;
        let aliases = contents.aliases.iter().map(|(alias, account, since)| {
            let [alias, account] = [alias.as_str(), account.as_str()].map(text::kept);
            json!({"alias": alias, "account": account, "seen_at": since})
        });
        let insert = "INSERT INTO genrex.alias SELECT * FROM json_populate_recordset(NULL::genrex.alias, $1::json)";
        self.send(insert, aliases).await?;
        let now = self.now().await?;
        for (account, credits) in &contents.credits {
            self.make_account(account.as_str()).await?;
            self.keep_credits(account, credits, now).await?;
        }
        // Its steps have other numbers here than where it was.
        let moved = "INSERT INTO genrex.restored (detail, held_at, held_by, accepted_by) VALUES ('', now(), $1, $2)";
        let by = [&self.owner.name, MOVED].map(Value::text);
        self.session.read(moved, &by).await?;
        let named = "UPDATE genrex.ledger SET id = $1";
        self.session
            .read(named, &[Value::text(&contents.name)])
            .await?;
        let last = contents.jobs.iter().map(|job| job.entry.id.0).max();
        let next = "SELECT setval('genrex.job_id', $1)";
        if let Some(last) = last {
            self.session.read(next, &[last.into()]).await?;
        }
        Ok(())
    }

    /// Rows of one statement at a time: one for each would wait for as many answers.
    async fn send(
        self,
        sql: &str,
        rows: impl Iterator<Item = serde_json::Value> + Send,
    ) -> Result<(), Failure> {
        let rows: Vec<serde_json::Value> = rows.collect();
        for some in rows.chunks(AT_ONCE) {
            let sent = serde_json::Value::from(some.to_vec()).to_string();
            let values = [Value::Text(Some(sent))];
            self.session.read(sql, &values).await?;
        }
        Ok(())
    }
}

/// A job as a row; what superseded it may come later.
fn job(job: &KeptJob) -> serde_json::Value {
    let values = row::values(&job.entry);
    let columns = COLUMNS.into_iter().zip(values);
    let mut row: Map<String, serde_json::Value> = columns
        .map(|(column, value)| (column.to_owned(), value.into_json()))
        .collect();
    row.insert(String::from("superseded_by"), serde_json::Value::Null);
    let key = match job.key {
        Some(key) => format!("{key:032x}"),
        None => format!("none of job {}", job.entry.id),
    };
    row.insert(String::from("key"), key.into());
    row.into()
}
