//! What every gRPC server of the suite does for each call: deadline, admission, health.

mod admission;
mod costs;
mod health;
mod message;

use prost::Message as _;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};
use tonic::Code;

pub use admission::{AdmissionLayer, AdmissionSettings, Patience};
pub use health::HealthService;

/// The paths of all methods in some encoded `FileDescriptorSet`s, such as `/Recommendations/Recommend`.
///
/// # Panics
///
/// If one cannot be decoded; they are compiled in.
#[must_use]
pub fn methods(descriptors: &[&[u8]]) -> Vec<String> {
    paths(descriptors, |_| true)
}

/// Of these, the paths of those whose callers send a stream of messages.
///
/// # Panics
///
/// As [`methods`].
#[must_use]
pub fn streams(descriptors: &[&[u8]]) -> Vec<String> {
    paths(descriptors, MethodDescriptorProto::client_streaming)
}

fn paths(descriptors: &[&[u8]], which: impl Fn(&MethodDescriptorProto) -> bool) -> Vec<String> {
    let mut paths = Vec::new();
    for descriptors in descriptors {
        for file in FileDescriptorSet::decode(*descriptors).expect("descriptors made by the compiler").file {
            for service in &file.service {
                let name = full_name(file.package(), service.name());
                let methods = service.method.iter().filter(|method| which(method));
                paths.extend(methods.map(|method| format!("/{name}/{}", method.name())));
            }
        }
    }
    paths
}

/// A status code as gRPC writes it: `NOT_FOUND`.
#[must_use]
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

fn full_name(package: &str, service: &str) -> String {
    if package.is_empty() { service.to_owned() } else { format!("{package}.{service}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_names() {
        assert_eq!(code_name(Code::Ok), "OK");
        assert_eq!(code_name(Code::DeadlineExceeded), "DEADLINE_EXCEEDED");
    }

    #[test]
    fn methods_that_read_streams_are_told_from_others() {
        let health = tonic_health::pb::FILE_DESCRIPTOR_SET;
        let paths = ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"];
        assert_eq!(methods(&[health])[..2], paths);
        // Watch answers with a stream, which is another matter.
        assert!(streams(&[health]).is_empty());
    }
}
