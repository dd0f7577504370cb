/// Who settles a job, and why: it is kept with it.
pub(crate) fn who_says_so(why: Option<String>) -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| String::from("somebody"));
    match why {
        Some(why) => format!("{user}: {why}"),
        None => user,
    }
}
