//! Writes the table of Envoy's messages that EnvoyFilters are held against (`weft-model/src/check/envoy/messages.txt`).
//!
//! In: the folder `proto` of the crate `envoy-types`, as the argument. Out: names and types, on standard output.

#![allow(clippy::print_stdout, reason = "it is what the program is for")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};
use protox::Compiler;

#[path = "../protos.rs"]
mod protos;

/// Packages that are no configuration.
const OTHERS: [&str; 4] = ["envoy/admin", "envoy/service", "envoy/data", "envoy/watchdog"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::args().nth(1).ok_or("name the folder `proto`")?);
    let mut table = Table::default();
    for file in files(&root)?.values() {
        table.file(file);
    }
    table.print();
    Ok(())
}

/// Every file of the third API and what it imports. One by one: together, packages of one would hide those of another.
fn files(root: &Path) -> Result<BTreeMap<String, FileDescriptorProto>, Box<dyn Error>> {
    let base = root.join("data-plane-api");
    let mut found = Vec::new();
    collect(&base.join("envoy"), &mut found)?;
    let mut files = BTreeMap::new();
    for path in found {
        let name = path.strip_prefix(&base)?.to_string_lossy().replace('\\', "/");
        if !name.contains("/v3/") || OTHERS.iter().any(|other| name.starts_with(other)) {
            continue;
        }
        let mut compiler = Compiler::with_file_resolver(protos::resolver(root));
        compiler.include_imports(true).open_file(&name)?;
        for file in compiler.file_descriptor_set().file {
            files.insert(file.name().to_owned(), file);
        }
    }
    Ok(files)
}

/// Every .proto file below a folder.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Table {
    messages: BTreeMap<String, Vec<String>>,
    words: BTreeMap<String, String>,
    maps: BTreeMap<String, DescriptorProto>,
}

impl Table {
    fn file(&mut self, file: &FileDescriptorProto) {
        if file.package() == "google.protobuf" {
            return;
        }
        file.message_type.iter().for_each(|found| self.message(file.package(), found));
        file.enum_type.iter().for_each(|found| self.enumeration(file.package(), found));
    }

    fn message(&mut self, outer: &str, found: &DescriptorProto) {
        let name = format!("{outer}.{}", found.name());
        if found.options.as_ref().is_some_and(|options| options.map_entry()) {
            self.maps.insert(name, found.clone());
            return;
        }
        found.nested_type.iter().for_each(|inner| self.message(&name, inner));
        found.enum_type.iter().for_each(|inner| self.enumeration(&name, inner));
        let fields = found.field.iter().map(|field| self.field(field)).collect();
        self.messages.insert(name, fields);
    }

    fn enumeration(&mut self, outer: &str, found: &EnumDescriptorProto) {
        let words: Vec<&str> = found.value.iter().map(|value| value.name()).collect();
        self.words.insert(format!("{outer}.{}", found.name()), words.join(" "));
    }

    fn field(&self, field: &FieldDescriptorProto) -> String {
        let entry = self.maps.get(field.type_name().trim_start_matches('.'));
        match entry.and_then(|entry| entry.field.last()) {
            Some(value) => format!("{} %{}", field.name(), kind(value)),
            None if field.label() == Label::Repeated => {
                format!("{} *{}", field.name(), kind(field))
            }
            None => format!("{} {}", field.name(), kind(field)),
        }
    }

    /// Prints what Envoy's own messages reach.
    fn print(&self) {
        let own = self.messages.keys().filter(|name| name.starts_with("envoy."));
        let mut kept: BTreeSet<&str> = own.map(String::as_str).collect();
        let mut next: Vec<&str> = kept.iter().copied().collect();
        while let Some(name) = next.pop() {
            for field in self.messages.get(name).into_iter().flatten() {
                let kind =
                    field.split(' ').nth(1).unwrap_or_default().trim_start_matches(['*', '%']);
                let of = kind.strip_prefix(['m', 'e']).filter(|of| kept.insert(of));
                next.extend(of);
            }
        }
        for (name, fields) in self.messages.iter().filter(|(name, _)| kept.contains(name.as_str()))
        {
            println!("{name}");
            fields.iter().for_each(|field| println!(" {field}"));
        }
        for (name, words) in self.words.iter().filter(|(name, _)| kept.contains(name.as_str())) {
            println!("{name} {words}");
        }
    }
}

fn kind(field: &FieldDescriptorProto) -> String {
    let of = field.type_name().trim_start_matches('.');
    match field.r#type() {
        Type::Message | Type::Group => format!("m{of}"),
        Type::Enum => format!("e{of}"),
        Type::Bool => "b".into(),
        Type::String => "s".into(),
        Type::Bytes => "y".into(),
        Type::Double | Type::Float => "d".into(),
        Type::Int32 | Type::Sint32 | Type::Sfixed32 => "i".into(),
        Type::Uint32 | Type::Fixed32 => "u".into(),
        Type::Int64 | Type::Sint64 | Type::Sfixed64 => "I".into(),
        Type::Uint64 | Type::Fixed64 => "U".into(),
    }
}
