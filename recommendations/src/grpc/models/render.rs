use prost_types::Timestamp;
use protobufs::models::{Job as JobMessage, JobState as StateMessage, Model, Quality, Rate, VariantReport};

use crate::{
    artefact::{Manifest, Measured},
    store::{Job, JobState, Registered, Standing},
    variants::{Counts, share},
};

/// How a variant does.
pub(super) fn variant(counts: Counts) -> VariantReport {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let rate = |part| {
        let share = share(part, counts.impressions);
        Some(Rate { rate: share.rate, low: share.low, high: share.high })
    };
    VariantReport {
        readers: number(counts.readers),
        impressions: number(counts.impressions),
        clicks: number(counts.clicks),
        ratings: number(counts.ratings),
        click_rate: rate(counts.clicks),
        rating_rate: rate(counts.ratings),
        variant: counts.variant,
    }
}

pub(super) fn job(job: Job) -> JobMessage {
    let state = match job.state {
        JobState::Scheduled => StateMessage::Scheduled,
        JobState::Running => StateMessage::Running,
        JobState::Succeeded => StateMessage::Succeeded,
        JobState::Failed => StateMessage::Failed,
        JobState::Cancelled => StateMessage::Cancelled,
    };
    JobMessage {
        id: job.id,
        state: state.into(),
        model: job.model,
        step: job.step,
        progress: job.progress,
        message: job.message,
        model_version: job.model_version,
        cause: job.cause,
        created_at: Some(time(job.created_at)),
        started_at: job.started_at.map(time),
        ended_at: job.ended_at.map(time),
    }
}

/// `answering` is the version that this process answers with; `unusable` one that should and cannot, and why.
pub(super) fn model(
    model: Registered,
    manifest: Manifest,
    answering: &str,
    unusable: Option<&(String, String)>,
) -> Model {
    let unusable = unusable.filter(|(version, _)| *version == model.version).map(|(_, why)| why.clone());
    let (refused, candidate) = match (unusable, model.standing) {
        (Some(why), _) | (None, Standing::Refused(why)) => (why, false),
        (None, Standing::Accepted) => (String::new(), false),
        (None, Standing::Candidate) => (String::new(), true),
    };
    let parameters = serde_json::to_string(&manifest.parameters).expect("names and numbers are JSON");
    Model {
        active: model.version == answering,
        version: model.version,
        kind: manifest.kind,
        quality: manifest.quality.map(quality),
        compared_with: manifest.compared_with.map(quality),
        readers: count(manifest.data.readers),
        books: count(manifest.data.books),
        interactions: count(manifest.data.interactions),
        bytes: count(manifest.tensors.bytes),
        parameters,
        simulated: manifest.simulated,
        created_at: Some(time(manifest.created_at)),
        refused,
        seconds: manifest.seconds,
        candidate,
    }
}

fn quality(measured: Measured) -> Quality {
    Quality {
        ndcg: measured.ndcg,
        recall: measured.recall,
        map: measured.map,
        coverage: measured.coverage,
        novelty: measured.novelty,
        gini: measured.gini,
        readers: count(measured.readers),
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// From milliseconds since 1970.
fn time(milliseconds: i64) -> Timestamp {
    let nanos = i32::try_from(milliseconds.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
    Timestamp { seconds: milliseconds.div_euclid(1_000), nanos }
}
