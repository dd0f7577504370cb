use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;

const BALANCE: &str = r#"{"userId":"a6f434b6-a475-40b1-81e3-3ce9868945ff","creditQuota":10000,"usedCredit":0,"durationLimit":60,"createdAt":"2024-06-02T16:16:07.386Z","updatedAt":"2024-06-02T16:16:07.386Z"}"#;

/// Prints its URL and answers `getBalance` until it is killed: with nothing verified, and always the same.
pub fn run() -> anyhow::Result<()> {
    crate::load::raise_descriptors()?;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        let answer =
            |_: axum::body::Bytes| async { ([(CONTENT_TYPE, "application/json")], BALANCE) };
        let router = Router::new().route("/v1/text2music/getBalance", post(answer));
        axum::serve(listener, router).await?;
        Ok(())
    })
}
