//! The second guard: triggers in the database, made from the state machine, that refuse what it does not have,
//! whoever writes.

use std::collections::BTreeSet;

use genrex_ledger::State;

/// The triggers, as SQL.
pub(crate) fn sql() -> String {
    [String::from(REFUSE), of_states(), of_what_stays()].concat()
}

/// What the states of a job allow.
fn of_states() -> String {
    let goes = State::transitions().map(|(from, to)| format!("'{from}>{to}'"));
    let goes = goes.collect::<Vec<_>>().join(", ");
    let begins = State::Intended;
    let taken = quoted(&State::Accepted.reached());
    let here = quoted(&State::Downloaded.reached());
    let all = [
        refuse_by(
            "begin_job",
            "job_begins",
            "INSERT ON genrex.job",
            &format!("NEW.state <> '{begins}'"),
            "a job begins as an intent",
        ),
        refuse(
            "job_goes",
            "UPDATE OF state ON genrex.job",
            &format!("(OLD.state || '>' || NEW.state) NOT IN ({goes})"),
            "a job does not go there from where it stands",
        ),
        refuse(
            "job_has_its_id",
            "UPDATE OF state, query_id ON genrex.job",
            &format!("NEW.state IN ({taken}) AND NEW.query_id IS NULL"),
            "a job that the service took has its id",
        ),
        refuse(
            "job_has_its_file",
            "UPDATE OF state, path, bytes, sha256 ON genrex.job",
            &format!(
                "NEW.state IN ({here}) AND (NEW.path IS NULL OR NEW.bytes IS NULL OR NEW.sha256 IS NULL)"
            ),
            "a job that is here has its file",
        ),
    ];
    all.concat()
}

/// What is never forgotten or changed, whatever the state.
fn of_what_stays() -> String {
    let all = [
        refuse(
            "job_keeps_its_id",
            "UPDATE OF query_id ON genrex.job",
            "OLD.query_id IS NOT NULL AND NEW.query_id IS DISTINCT FROM OLD.query_id",
            "the id of a job does not change",
        ),
        refuse(
            "job_keeps_its_epoch",
            "UPDATE OF epoch ON genrex.job",
            "NEW.epoch < OLD.epoch",
            "who has lost a job does not get it back",
        ),
        refuse(
            "job_stays",
            "DELETE ON genrex.job",
            "true",
            "no job is forgotten",
        ),
        refuse(
            "history_stays",
            "DELETE OR UPDATE ON genrex.history",
            "true",
            "what has happened does not change",
        ),
        refuse_all("job_stays_whole", "genrex.job", "no job is forgotten"),
        refuse_all(
            "history_stays_whole",
            "genrex.history",
            "no step is forgotten",
        ),
    ];
    all.concat()
}

/// A ledger that takes over what another holds takes jobs as they stand.
const REFUSE: &str = "CREATE FUNCTION genrex.begin_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM genrex.hold WHERE kind = 'arriving') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '%', TG_ARGV[0];
END $$;
CREATE FUNCTION genrex.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END $$;
";

fn refuse(name: &str, what: &str, when: &str, why: &str) -> String {
    refuse_by("refuse", name, what, when, why)
}

fn refuse_by(function: &str, name: &str, what: &str, when: &str, why: &str) -> String {
    format!(
        "CREATE TRIGGER {name} BEFORE {what} FOR EACH ROW WHEN ({when})\n    \
         EXECUTE FUNCTION genrex.{function}('{why}');\n"
    )
}

fn refuse_all(name: &str, table: &str, why: &str) -> String {
    format!(
        "CREATE TRIGGER {name} BEFORE TRUNCATE ON {table}\n    EXECUTE FUNCTION genrex.refuse('{why}');\n"
    )
}

fn quoted(states: &BTreeSet<State>) -> String {
    let names = states.iter().map(|state| format!("'{state}'"));
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database that was made before keeps the triggers that it was made with: whoever changes the machine has
    /// to write a migration that makes them anew, and then to change this list.
    #[test]
    fn a_machine_that_changes_needs_a_migration() {
        let made_with = "intended>sent intended>notSent sent>sent sent>notSent sent>refused sent>ambiguous \
             sent>accepted refused>accepted ambiguous>ambiguous ambiguous>accepted accepted>accepted \
             accepted>failed accepted>completed accepted>downloaded failed>failed completed>failed \
             completed>downloaded downloaded>downloaded";
        let transitions: Vec<String> = State::transitions()
            .map(|(from, to)| format!("{from}>{to}"))
            .collect();
        assert_eq!(transitions.join(" "), made_with);
    }
}
