//! Calls with `grpcurl`, against the contracts.

use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::Type,
};
use serde_json::Value;

/// All contracts that a server answers for.
pub(crate) struct Contracts(Vec<FileDescriptorSet>);

impl Contracts {
    pub(crate) fn new() -> Self {
        let sets = [protobufs::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET];
        Self(sets.into_iter().map(|set| FileDescriptorSet::decode(set).unwrap()).collect())
    }

    /// Whether a call of `method` (such as `Recommendations/Recommend`) may say these messages.
    pub(crate) fn take(&self, method: &str, messages: Option<&str>) -> Result<(), String> {
        let input = self.input(method).ok_or_else(|| format!("no method {method}"))?;
        for message in serde_json::Deserializer::from_str(messages.unwrap_or("{}")).into_iter::<Value>() {
            self.fits(&message.map_err(|error| error.to_string())?, &input)?;
        }
        Ok(())
    }

    /// Whether there is a service of this name.
    pub(crate) fn has(&self, service: &str) -> bool {
        self.files().any(|file| file.service.iter().any(|it| full(file.package(), it.name()) == service))
    }

    fn files(&self) -> impl Iterator<Item = &prost_types::FileDescriptorProto> {
        self.0.iter().flat_map(|set| &set.file)
    }

    fn input(&self, method: &str) -> Option<String> {
        let (service, name) = method.rsplit_once('/')?;
        let mut services =
            self.files().flat_map(|file| file.service.iter().map(move |it| (file.package(), it)));
        let (_, service) = services.find(|(package, it)| full(package, it.name()) == service)?;
        service
            .method
            .iter()
            .find(|method| method.name() == name)
            .map(|method| method.input_type().to_owned())
    }

    /// Whether a value fits a message type, named as `.package.Message`.
    fn fits(&self, value: &Value, kind: &str) -> Result<(), String> {
        // What a well-known type looks like is not ours.
        if kind.starts_with(".google.protobuf.") {
            return Ok(());
        }
        let message = self.message(kind).ok_or_else(|| format!("no message {kind}"))?;
        for (name, value) in value.as_object().ok_or_else(|| format!("{value} is no {kind}"))? {
            let known = |field: &&FieldDescriptorProto| field.name() == name || field.json_name() == name;
            let field = message.field.iter().find(known).ok_or_else(|| format!("{kind} has no {name}"))?;
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for value in values {
                self.is(value, field)?;
            }
        }
        Ok(())
    }

    fn is(&self, value: &Value, field: &FieldDescriptorProto) -> Result<(), String> {
        match (field.r#type(), value) {
            (Type::Message, value) => self.fits(value, field.type_name()),
            (Type::Enum, Value::String(name)) => {
                let kind =
                    self.number(field.type_name()).ok_or_else(|| format!("no {}", field.type_name()))?;
                let known = kind.value.iter().any(|value| value.name() == name);
                known.then_some(()).ok_or_else(|| format!("{} has no {name}", field.type_name()))
            }
            (Type::String | Type::Bytes, Value::String(_)) | (Type::Bool, Value::Bool(_)) => Ok(()),
            (Type::String | Type::Bytes | Type::Bool, value) => Err(format!("{}: {value}", field.name())),
            // Numbers, which may be written as texts.
            (_, Value::Number(_) | Value::String(_)) => Ok(()),
            (_, value) => Err(format!("{}: {value}", field.name())),
        }
    }

    fn message(&self, kind: &str) -> Option<&DescriptorProto> {
        self.files().find_map(|file| {
            let rest = kind.strip_prefix('.')?;
            let rest = if file.package().is_empty() {
                rest
            } else {
                rest.strip_prefix(file.package())?.strip_prefix('.')?
            };
            let mut names = rest.split('.');
            let first = names.next()?;
            let outer = file.message_type.iter().find(|message| message.name() == first)?;
            names.try_fold(outer, |outer, name| {
                outer.nested_type.iter().find(|message| message.name() == name)
            })
        })
    }

    fn number(&self, kind: &str) -> Option<&EnumDescriptorProto> {
        let outermost = self.files().find_map(|file| {
            file.enum_type.iter().find(|it| format!(".{}", full(file.package(), it.name())) == kind)
        });
        outermost.or_else(|| {
            let (outer, name) = kind.rsplit_once('.')?;
            self.message(outer)?.enum_type.iter().find(|it| it.name() == name)
        })
    }
}

fn full(package: &str, name: &str) -> String {
    if package.is_empty() { name.to_owned() } else { format!("{package}.{name}") }
}
