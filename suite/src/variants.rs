use clap::{Args, value_parser};
use protobufs::models::{GetVariantReportRequest, Rate, VariantReport};
use service::Failure;

use crate::remote::{Remote, refused};

/// Show how the variants that are compared do, with 95 % confidence intervals
#[derive(Args, Debug)]
pub(crate) struct Variants {
    /// Only what happened in the last so many days; it is kept for 90
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = value_parser!(i32).range(1..))]
    days: i32,
    #[command(flatten)]
    remote: Remote,
}

const HEAD: [&str; 7] =
    ["variant", "readers", "shown", "clicked", "click rate", "led to stars", "rating rate"];

impl Variants {
    pub(crate) fn run(self) -> Result<(), Failure> {
        service::block_on(async {
            let mut server = self.remote.models().await?;
            let request = GetVariantReportRequest { days: self.days };
            let report = server.get_variant_report(request).await.map_err(refused)?.into_inner();
            if !report.variants.is_empty() {
                print(&report.variants.iter().map(row).collect::<Vec<_>>());
            }
            say!("{}", report.summary);
            if report.dropped_events > 0 {
                say!("{} events were dropped: too much came in at once.", report.dropped_events);
            }
            Ok(())
        })
    }
}

fn row(variant: &VariantReport) -> [String; 7] {
    let VariantReport { variant, readers, impressions, clicks, ratings, click_rate, rating_rate } = variant;
    [
        variant.clone(),
        readers.to_string(),
        impressions.to_string(),
        clicks.to_string(),
        click_rate.as_ref().map(share).unwrap_or_default(),
        ratings.to_string(),
        rating_rate.as_ref().map(share).unwrap_or_default(),
    ]
}

/// `4.2 % (3.1 to 5.6)`.
fn share(Rate { rate, low, high }: &Rate) -> String {
    format!("{:.1} % ({:.1} to {:.1})", 100.0 * rate, 100.0 * low, 100.0 * high)
}

/// In columns as wide as they must be, numbers at their right.
fn print(rows: &[[String; 7]]) {
    let head = HEAD.map(str::to_owned);
    let all = || std::iter::once(&head).chain(rows);
    let widths: [usize; 7] =
        std::array::from_fn(|column| all().map(|row| row[column].chars().count()).max().unwrap_or_default());
    for row in all() {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        say!("{}", cells.collect::<Vec<_>>().join("  "));
    }
}
