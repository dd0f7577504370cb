//! What the API answers, in both dialects.

use bytes::Bytes;
use genrex_proto::Waveform;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::account::SandboxAccount;
use crate::job::{Job, Stage};
use crate::options::Dialect;

/// A job: to `generateMusic` and to `retrieve`. The assets of a completed one are given.
pub(crate) fn generation(job: &Job, user_id: &str, now: u64, asset: Option<Value>) -> Value {
    let status = match job.stage(now) {
        Stage::Processing => "Processing",
        Stage::Completed => "Completed",
        Stage::Failed => "Failed",
    };
    let mut answer = json!({
        "id": job.id,
        "processSystem": "GenrexV1",
        "source": "API",
        "status": status,
        "contentType": "Text",
        "content": {"text": job.text, "duration": job.seconds},
        "metadata": null,
        "userId": user_id,
        "createdAt": iso8601(job.created_at),
        "updatedAt": iso8601(job.updated_at(now)),
    });
    if let Some(asset) = asset {
        answer["response"] = json!([asset]);
    }
    answer
}

/// An entry of a completed job's `response`.
pub(crate) fn asset(job: &Job, url: &str, waveform: &Waveform, dialect: Dialect) -> Value {
    let content = match dialect {
        Dialect::QuickStart => json!({"url": url}),
        Dialect::Reference => json!([{"url": url}]),
    };
    json!({
        "id": job.asset_id,
        "metadata": [{"volume_visualize": waveform.values()}],
        "contentType": "Audio",
        "content": content,
        "queryId": job.id,
        "createdAt": iso8601(job.over_at),
        "updatedAt": iso8601(job.over_at),
    })
}

pub(crate) fn balance(account: &SandboxAccount, max_duration: u8, dialect: Dialect) -> Value {
    let (limit, quota, used) = match dialect {
        Dialect::QuickStart => ("durationLimit", "creditQuota", "usedCredit"),
        Dialect::Reference => ("maxDurationSeconds", "totalCreditQuota", "creditsUsed"),
    };
    json!({
        limit: max_duration,
        quota: account.quota,
        used: account.used,
        "userId": account.user_id,
        "createdAt": iso8601(account.created_at),
        "updatedAt": iso8601(account.updated_at),
    })
}

/// A refusal in the form of NestJS.
pub(crate) fn refusal(status: StatusCode, message: impl Into<Value>) -> Response<Bytes> {
    let body = json!({
        "statusCode": status.as_u16(),
        "message": message.into(),
        "error": status.canonical_reason(),
    });
    respond(status, &body)
}

pub(crate) fn respond(status: StatusCode, body: &Value) -> Response<Bytes> {
    let body = serde_json::to_vec(body).expect("a value can be written");
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json; charset=utf-8");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    response
}

/// `2024-06-02T11:05:21.826Z`.
fn iso8601(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    format!("{time:.3}")
}
