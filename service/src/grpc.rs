//! What every gRPC server of the suite does for each call: deadline, admission, health.

mod admission;
mod health;

use prost::Message as _;
use prost_types::FileDescriptorSet;

pub use admission::{AdmissionLayer, AdmissionSettings};
pub use health::HealthService;

/// The paths of all methods in some encoded `FileDescriptorSet`s, such as `/Recommendations/Recommend`.
///
/// # Panics
///
/// If one cannot be decoded; they are compiled in.
#[must_use]
pub fn methods(descriptors: &[&[u8]]) -> Vec<String> {
    let mut paths = Vec::new();
    for descriptors in descriptors {
        for file in FileDescriptorSet::decode(*descriptors).expect("descriptors made by the compiler").file {
            for service in &file.service {
                let name = full_name(file.package(), service.name());
                paths.extend(service.method.iter().map(|method| format!("/{name}/{}", method.name())));
            }
        }
    }
    paths
}

fn full_name(package: &str, service: &str) -> String {
    if package.is_empty() { service.to_owned() } else { format!("{package}.{service}") }
}
