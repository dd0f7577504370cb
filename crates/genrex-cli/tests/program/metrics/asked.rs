//! What the rules and the dashboard of `docs/operations` ask Prometheus for, held against a page that was told.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What Prometheus itself adds to each number.
const ADDED: [&str; 2] = ["instance", "job"];

/// One number of the page.
struct Sample {
    name: String,
    labels: Vec<(String, String)>,
}

/// What a query asks of a number: `NAME{LABEL="VALUE", …}`.
struct Selector {
    name: String,
    /// The label, the operator, the value.
    matchers: Vec<(String, String, String)>,
}

/// Each name, each label and each label's value that is asked for is told, and each threshold can be passed.
pub(super) fn is_told(page: &str) {
    let samples: Vec<Sample> = page.lines().filter_map(sample).collect();
    let rules = queries_of_rules();
    for (file, queries) in [
        ("alerts.yml", &rules),
        ("dashboard.json", &queries_of_dashboard()),
    ] {
        let mut names = BTreeSet::new();
        for query in queries {
            for selector in selectors(query) {
                find(&samples, &selector, query);
                names.insert(selector.name);
            }
            find_groups(&samples, query);
        }
        assert!(names.len() > 5, "{file}: {names:?}");
    }
    find_words(&samples);
    let scraped = fs::read_to_string(file("prometheus.yml")).unwrap();
    for query in &rules {
        let job = query
            .strip_prefix("up{job=\"")
            .and_then(|rest| rest.split('"').next());
        let name = job.map(|job| format!("job_name: {job}\n"));
        assert!(name.is_none_or(|name| scraped.contains(&name)), "{query}");
    }
    let reached = rules.iter().filter(|query| reaches(&samples, query));
    assert!(reached.count() >= 2, "the thresholds of {rules:?}");
}

/// `NAME{LABEL="VALUE"} NUMBER`.
fn sample(line: &str) -> Option<Sample> {
    let (series, _) = line
        .rsplit_once(' ')
        .filter(|_| line.starts_with("genrex_"))?;
    let selector = selectors(series).pop()?;
    let labels = selector.matchers.into_iter();
    Some(Sample {
        name: selector.name,
        labels: labels.map(|(label, _, value)| (label, value)).collect(),
    })
}

fn queries_of_rules() -> Vec<String> {
    let text = fs::read_to_string(file("alerts.yml")).unwrap();
    let lines = text.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix("expr: "))
        .map(str::to_owned)
        .collect()
}

fn queries_of_dashboard() -> Vec<String> {
    let text = fs::read_to_string(file("dashboard.json")).unwrap();
    let board: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = board["panels"].as_array().unwrap().iter();
    let mut queries = Vec::new();
    for target in panels.flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let query = target["expr"].as_str().unwrap();
        let groups = groups(query);
        for label in target["legendFormat"].as_str().unwrap().split("{{").skip(1) {
            let label = leading_word(label);
            assert!(groups.contains(&label), "{label} is not left by {query}");
        }
        queries.push(query.to_owned());
    }
    queries
}

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations");
    folder.join(name)
}

fn selectors(query: &str) -> Vec<Selector> {
    let starts = query.match_indices("genrex_").map(|(at, _)| &query[at..]);
    let selector = |text: &str| {
        let name = leading_word(text);
        let rest = &text[name.len()..];
        let inner = rest
            .strip_prefix('{')
            .and_then(|rest| rest.split('}').next());
        let matchers = inner
            .unwrap_or_default()
            .split("\",")
            .filter(|pair| !pair.is_empty());
        let matchers = matchers.map(|pair| {
            let (label, value) = pair.split_once('"').unwrap();
            let name = leading_word(label.trim());
            let operator = label.trim()[name.len()..].to_owned();
            (
                name.to_owned(),
                operator,
                value.trim_end_matches('"').to_owned(),
            )
        });
        Selector {
            name: name.to_owned(),
            matchers: matchers.collect(),
        }
    };
    starts.map(selector).collect()
}

fn find(samples: &[Sample], selector: &Selector, query: &str) {
    let Selector { name, matchers } = selector;
    let named = || samples.iter().filter(|sample| sample.name == *name);
    assert!(named().next().is_some(), "{name} is not told: {query}");
    for (label, operator, value) in matchers {
        let values: Vec<&str> = match operator.as_str() {
            "=" | "!=" => vec![value],
            "=~" => value.split('|').collect(),
            other => panic!("{other} is not looked at: {query}"),
        };
        for value in values {
            let is_told = named().any(|sample| {
                let mut labels = sample.labels.iter();
                labels.any(|(name, told)| name == label && told == value)
            });
            assert!(is_told, "{name} has no {label}=\"{value}\": {query}");
        }
    }
}

/// What a query sums or compares by is a label of each number in it.
fn find_groups(samples: &[Sample], query: &str) {
    for group in groups(query) {
        assert!(
            is_label(samples, query, group),
            "{group} is no label: {query}"
        );
    }
}

fn is_label(samples: &[Sample], query: &str, label: &str) -> bool {
    let has_it = |selector: &Selector| {
        let mut named = samples.iter().filter(|sample| sample.name == selector.name);
        named.any(|sample| sample.labels.iter().any(|(name, _)| name == label))
    };
    ADDED.contains(&label) || selectors(query).iter().all(has_it)
}

/// The labels that the words of an alert name are those that its query leaves.
fn find_words(samples: &[Sample]) {
    let text = fs::read_to_string(file("alerts.yml")).unwrap();
    let mut found = 0;
    for alert in text.split("- alert: ").skip(1) {
        let mut lines = alert.lines().map(str::trim);
        let query = lines.find_map(|line| line.strip_prefix("expr: ")).unwrap();
        let groups = groups(query);
        for word in alert.split("$labels.").skip(1) {
            let label = leading_word(word);
            let is_left = match groups.is_empty() {
                true => is_label(samples, query, label),
                false => groups.contains(&label),
            };
            assert!(is_left, "{label} is not left by {query}");
            found += 1;
        }
    }
    assert!(found >= 3, "{found}");
}

/// The labels in the brackets after `by`.
fn groups(query: &str) -> Vec<&str> {
    let lists = query.split(" by (").skip(1);
    lists
        .filter_map(|text| text.split(')').next())
        .flat_map(|list| list.split(", "))
        .collect()
}

/// Whether a query compares a histogram's quantile; it has to be able to.
fn reaches(samples: &[Sample], query: &str) -> bool {
    let asked = selectors(query);
    let Some(buckets) = asked.iter().find(|asked| asked.name.ends_with("_bucket")) else {
        return false;
    };
    let threshold: f64 = query.rsplit_once(" > ").unwrap().1.parse().unwrap();
    let greatest = greatest_bucket(samples, &buckets.name);
    // A quantile beyond the last finite bound is told as that bound.
    assert!(threshold < greatest, "{greatest}: {query}");
    true
}

fn greatest_bucket(samples: &[Sample], name: &str) -> f64 {
    let of_name = samples.iter().filter(|sample| sample.name == name);
    let bounds = of_name.filter_map(|sample| {
        let (_, bound) = sample.labels.iter().find(|(label, _)| label == "le")?;
        bound.parse::<f64>().ok().filter(|bound| bound.is_finite())
    });
    bounds.fold(0.0, f64::max)
}

/// So long a time is told as what it was.
pub(super) fn tells_times_up_to(page: &str, name: &str, longest: f64) {
    let samples: Vec<Sample> = page.lines().filter_map(sample).collect();
    let greatest = greatest_bucket(&samples, &format!("{name}_bucket"));
    assert!(greatest >= longest, "{name}: {greatest}");
}

fn leading_word(text: &str) -> &str {
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let end = text
        .find(|letter| !is_of_word(letter))
        .unwrap_or(text.len());
    &text[..end]
}
